package cpu

// #include "kernels.h"
import "C"

import "unsafe"

// A step is a part of an operation whose rows do not depend on each other.
type step interface {
	// split returns how many columns there are and the multiple that they can be
	// split at; 0 columns if only rows can be split.
	split() (cols, unit int)
	// unpacked returns the floats that the step's weights take when unpacked.
	unpacked() int64
	// pack unpacks them for run.
	pack(b *Backend, dst *C.float)
	// scratch returns the floats of scratch that run needs.
	scratch() int64
	// work returns the multiply-adds, or what takes as long, of each row.
	work(b *Backend) int
	// run computes rows t0..t1 of columns j0..j1. packed is what pack made, or nil.
	run(b *Backend, scratch, packed *C.float, t0, t1, j0, j1 int)
}

// rowStep is the base of steps without weights to unpack.
type rowStep struct{}

func (rowStep) split() (cols, unit int) { return 0, 0 }
func (rowStep) unpacked() int64         { return 0 }
func (rowStep) pack(*Backend, *C.float) {}
func (rowStep) scratch() int64          { return 0 }

const (
	// minRows is how many rows make it worth while that every thread unpacks all
	// weights for itself: unpacking costs about as much as two rows of a product.
	minRows = 64
	// blockRows is how many rows go through all steps of an operation together,
	// so that what one step writes is still in the cache when the next reads it.
	blockRows = 2 * C.ROWS
	// minWork is how many multiply-adds make it worth while to share them: they
	// take one thread about 5 us, and it takes 1 us to meet again.
	minWork = 1 << 19
)

// steps runs s one after the other over so many rows. If there are many rows
// each thread takes its own through all steps; if few, as in decoding, threads
// share out the columns of each step.
func (b *Backend) steps(rows int, s ...step) error {
	j := &b.jobs
	j.rows = rows
	threads := b.pool.threads()
	if threads == 1 || rows >= minRows*threads {
		j.steps = append(j.steps[:0], s...)
		j.parts = threads
		weights, floats := b.layout(rows / threads)
		return b.pool.each(j.parts, weights+floats, j.byRows)
	}
	for i := range s {
		j.steps = append(j.steps[:0], s[i])
		cols, unit := s[i].split()
		each := j.byColumns
		if cols == 0 {
			cols, unit, each = rows, 1, j.byRows
		}
		if j.parts = min((cols+unit-1)/unit, threads); rows*s[i].work(b) < minWork {
			j.parts = 1
		}
		weights, floats := b.layout(1)
		if err := b.pool.each(j.parts, weights+floats, each); err != nil {
			return err
		}
	}
	return nil
}

// layout decides whether the weights of all steps are unpacked for a whole
// operation over so many rows: if the rows are many and the weights few. It
// returns the floats that they take, and those of scratch beside them.
func (b *Backend) layout(rows int) (weights, scratch int64) {
	j := &b.jobs
	for _, s := range j.steps {
		weights += s.unpacked()
		scratch = max(scratch, s.scratch())
	}
	if rows <= blockRows || weights > C.UNPACKED {
		weights = 0
	}
	j.weights = weights
	return weights, scratch
}

// rowsOf takes a task's rows through all steps.
func (j *jobs) rowsOf(b *Backend, w *worker, task int) {
	t0, t1 := share(task, j.parts, j.rows, 1)
	scratch := offset(w.floats(), int(j.weights))
	if j.weights == 0 {
		for _, s := range j.steps {
			cols, _ := s.split()
			s.run(b, scratch, nil, t0, t1, 0, cols)
		}
		return
	}
	at := 0
	for _, s := range j.steps {
		s.pack(b, offset(w.floats(), at))
		at += int(s.unpacked())
	}
	for t := t0; t < t1; t += blockRows {
		at := 0
		for _, s := range j.steps {
			cols, _ := s.split()
			s.run(b, scratch, offset(w.floats(), at), t, min(t+blockRows, t1), 0, cols)
			at += int(s.unpacked())
		}
	}
}

// columnsOf takes all rows through a task's columns of the one step.
func (j *jobs) columnsOf(b *Backend, w *worker, task int) {
	cols, unit := j.steps[0].split()
	j0, j1 := share(task, j.parts, cols, unit)
	j.steps[0].run(b, w.floats(), nil, 0, j.rows, j0, j1)
}

// share is a task's part of n, a multiple of unit apart from the last.
func share(task, tasks, n, unit int) (from, to int) {
	units := (n + unit - 1) / unit
	return min(task*units/tasks*unit, n), min((task+1)*units/tasks*unit, n)
}

// offset is p+n, nil if p is.
func offset(p *C.float, n int) *C.float {
	if p == nil {
		return nil
	}
	return (*C.float)(unsafe.Add(unsafe.Pointer(p), 4*n))
}
