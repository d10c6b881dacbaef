package cpu

import "C"

import "unsafe"

// A step is a part of an operation whose rows do not depend on each other.
type step interface {
	// split returns how many columns there are and the multiple that they can be
	// split at; 0 columns if only rows can be split.
	split() (cols, unit int)
	// scratch returns the floats that run needs.
	scratch() int64
	run(b *Backend, w *worker, t0, t1, j0, j1 int)
}

// minRows is how many rows make it worth while that every thread unpacks all
// weights for itself: unpacking costs about as much as two rows of a product.
const minRows = 64

// steps runs s one after the other over so many rows. If there are many rows
// each thread takes its own through all steps; if few, as in decoding, threads
// share out the columns of each step.
func (b *Backend) steps(rows int, s ...step) error {
	j := &b.jobs
	j.rows = rows
	if b.pool.threads() == 1 || rows >= minRows*b.pool.threads() {
		var floats int64
		for i := range s {
			floats = max(floats, s[i].scratch())
		}
		j.steps = append(j.steps[:0], s...)
		j.parts = b.pool.threads()
		return b.pool.each(j.parts, floats, j.byRows)
	}
	for i := range s {
		j.steps = append(j.steps[:0], s[i])
		cols, unit := s[i].split()
		each := j.byColumns
		if cols == 0 {
			cols, unit, each = rows, 1, j.byRows
		}
		j.parts = min((cols+unit-1)/unit, b.pool.threads())
		if err := b.pool.each(j.parts, s[i].scratch(), each); err != nil {
			return err
		}
	}
	return nil
}

// offset is p+n, nil if p is.
func offset(p *C.float, n int) *C.float {
	if p == nil {
		return nil
	}
	return (*C.float)(unsafe.Add(unsafe.Pointer(p), 4*n))
}
