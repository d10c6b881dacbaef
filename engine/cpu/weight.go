package cpu

// #include "kernels.h"
import "C"

import (
	"errors"
	"fmt"
	"unsafe"

	"daybook/engine"
	"daybook/engine/nf4"
)

// weight is a frozen matrix, in memory outside of Go's heap.
type weight struct {
	arena  *arena
	matrix C.matrix
	bytes  int64
}

// Dims implements engine.Weight.
func (w *weight) Dims() (rows, cols int) { return int(w.matrix.rows), int(w.matrix.cols) }

// Bytes implements engine.Weight.
func (w *weight) Bytes() int64 { return w.bytes }

var errMatrix = errors.New("malformed matrix")

// NewWeight implements engine.Backend.
func (b *Backend) NewWeight(m engine.Matrix) (engine.Weight, error) {
	w, err := b.newWeight(m)
	if err != nil {
		return nil, fmt.Errorf("weight of %d by %d: %w", m.Rows, m.Cols, err)
	}
	return w, nil
}

func (b *Backend) newWeight(m engine.Matrix) (*weight, error) {
	n := m.Rows * m.Cols
	if m.Rows < 1 || m.Cols < 1 {
		return nil, errMatrix
	}
	given := 0
	for _, set := range []bool{m.F32 != nil, m.BF16 != nil, m.NF4 != nil} {
		if set {
			given++
		}
	}
	if given != 1 {
		return nil, fmt.Errorf("%w: has %d formats, want one", errMatrix, given)
	}
	switch {
	case m.F32 != nil:
		if len(m.F32) != n {
			return nil, fmt.Errorf("%w: %d values", errMatrix, len(m.F32))
		}
		w, err := b.place(m, int64(n)*4)
		if err != nil {
			return nil, err
		}
		w.matrix.format, w.matrix.f32 = C.FORMAT_F32, address(w.arena.data)
		copy(w.arena.data, m.F32)
		return w, nil
	case m.BF16 != nil:
		if len(m.BF16) != n {
			return nil, fmt.Errorf("%w: %d values", errMatrix, len(m.BF16))
		}
		w, err := b.place(m, int64(n)*2)
		if err != nil {
			return nil, err
		}
		p := unsafe.Pointer(address(w.arena.data))
		w.matrix.format, w.matrix.bf16 = C.FORMAT_BF16, (*C.uint16_t)(p)
		copy(unsafe.Slice((*uint16)(p), n), m.BF16)
		return w, nil
	}
	if err := nf4.Check(m.NF4, n); err != nil {
		return nil, err
	}
	return b.placeNF4(m)
}

// WeightBytes implements engine.Planner.
func (b *Backend) WeightBytes(m engine.Matrix) int64 {
	n := int64(m.Rows) * int64(m.Cols)
	switch {
	case m.F32 != nil:
		return 4 * n
	case m.BF16 != nil:
		return 2 * n
	}
	_, scales, scales2, absmax := nf4.Layout(int(n), m.NF4.Absmax == nil)
	return 4*int64(scales2+absmax) + int64(codeBytes(m)+scales)
}

// place allocates a weight of so many bytes.
func (b *Backend) place(m engine.Matrix, bytes int64) (*weight, error) {
	a, err := b.memory.allocate((bytes + 3) / 4)
	if err != nil {
		return nil, err
	}
	w := &weight{arena: a, bytes: bytes}
	w.matrix.rows, w.matrix.cols, w.matrix.ld = C.int64_t(m.Rows), C.int64_t(m.Cols), C.int64_t(m.Cols)
	return w, nil
}
