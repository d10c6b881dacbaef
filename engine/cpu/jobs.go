package cpu

// #include "kernels.h"
import "C"

import (
	"unsafe"

	"daybook/engine/nf4"
)

// jobs is what the operation being computed consists of. Everything in it is
// reused, so that operations allocate nothing; what kernels read lies outside
// of Go's heap.
type jobs struct {
	arenas            []*arena
	codes, dynamicMap *C.float // constant tables

	rows, parts       int
	weights           int64 // floats that the weights of all steps take unpacked; 0 if each unpacks its own
	steps             []step
	byRows, byColumns func(w *worker, task int)

	norm     normStep
	products [3]productStep
	low      lowStep
	lowDown  lowStep
	swiglu   swigluStep
	rotate   rotateStep
	backward inputBackward
	rmsnorm  normBackwardStep
	scoring  scoring

	attention *C.attention
	cache     *C.cache_layer
	attend    attentionJob
}

func (b *Backend) initJobs() error {
	j := &b.jobs
	tables, err := b.memory.allocate(256 + 16)
	if err != nil {
		return err
	}
	j.arenas = append(j.arenas, tables)
	copy(tables.data, nf4.DynamicSigned[:])
	copy(tables.data[256:], nf4.Codes[:])
	j.dynamicMap, j.codes = address(tables.data), address(tables.data[256:])

	for i := range j.products {
		if j.products[i].job, err = outside[C.product](b); err != nil {
			return err
		}
	}
	if j.backward.base, err = outside[C.product](b); err != nil {
		return err
	}
	if j.low.job, err = outside[C.lora_input](b); err != nil {
		return err
	}
	if j.lowDown.job, err = outside[C.lora_input](b); err != nil {
		return err
	}
	if j.backward.input, err = outside[C.lora_input](b); err != nil {
		return err
	}
	if j.backward.swiglu, err = outside[C.swiglu_gradients](b); err != nil {
		return err
	}
	if j.attention, err = outside[C.attention](b); err != nil {
		return err
	}
	if j.cache, err = outside[C.cache_layer](b); err != nil {
		return err
	}
	j.byRows = func(w *worker, task int) { j.rowsOf(b, w, task) }
	j.byColumns = func(w *worker, task int) { j.columnsOf(b, w, task) }
	j.backward.run = func(w *worker, task int) { j.backward.task(b, w, task) }
	j.attend.run = func(w *worker, task int) { j.attend.task(b, w, task) }
	s := &j.scoring
	s.gather.scoring, s.losses.scoring, s.largest.scoring, s.copy.scoring, s.scatter.scoring = s, s, s, s, s
	return nil
}

// outside returns a zero T outside of Go's heap, which lives as long as b.
func outside[T any](b *Backend) (*T, error) {
	var zero T
	a, err := b.memory.allocate((int64(unsafe.Sizeof(zero)) + 3) / 4)
	if err != nil {
		return nil, err
	}
	b.jobs.arenas = append(b.jobs.arenas, a)
	return (*T)(unsafe.Pointer(address(a.data))), nil
}
