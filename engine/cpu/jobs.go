package cpu

// #include "kernels.h"
import "C"

import (
	"errors"
	"unsafe"

	"daybook/engine/nf4"
)

// jobs is what the operation being computed consists of: values outside of Go's
// heap, which kernels read, reused so that operations allocate nothing.
type jobs struct {
	arenas            []*arena
	codes, dynamicMap *C.float // constant tables

	steps    []C.step
	norm     *C.norm
	products [3]*C.product
	low      [2]*C.lora_input
	swiglu   *C.swiglu
	rotated  *C.rotated
	headNorm *C.head_norm
	backward *C.input_gradients
	scoring  *C.scoring

	attention *C.attention
	documents *C.documents
	cache     *C.cache_layer
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

	steps, err := outside[[maxSteps]C.step](b)
	if err != nil {
		return err
	}
	j.steps = steps[:]
	for i := range j.products {
		err = errors.Join(err, place(b, &j.products[i]))
	}
	for i := range j.low {
		err = errors.Join(err, place(b, &j.low[i]))
	}
	return errors.Join(err, place(b, &j.norm), place(b, &j.swiglu), place(b, &j.rotated), place(b, &j.headNorm), place(b, &j.backward),
		place(b, &j.scoring), place(b, &j.attention), place(b, &j.documents), place(b, &j.cache))
}

// place sets *p to a zero T outside of Go's heap.
func place[T any](b *Backend, p **T) (err error) {
	*p, err = outside[T](b)
	return err
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
