//go:build cuda

package cuda

import (
	"errors"
	"fmt"
	"math"
	"unsafe"

	"gorgonia.org/cu"

	"daybook/engine"
	"daybook/engine/nf4"
)

var errMatrix = errors.New("malformed matrix")

// NewWeight implements engine.Backend. NF4 stays packed, bfloat16 as it is; a
// float32 matrix becomes bfloat16 if that is the compute type.
func (b *Backend) NewWeight(m engine.Matrix) (engine.Weight, error) {
	var w *weight
	err := b.run(fmt.Sprintf("weight of %d by %d", m.Rows, m.Cols), func() (err error) {
		w, err = b.newWeight(m)
		return err
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}

func (b *Backend) newWeight(m engine.Matrix) (*weight, error) {
	n, given := m.Rows*m.Cols, 0
	if m.Rows < 1 || m.Cols < 1 {
		return nil, errMatrix
	}
	for _, set := range []bool{m.F32 != nil, m.BF16 != nil, m.NF4 != nil} {
		if set {
			given++
		}
	}
	if given != 1 {
		return nil, fmt.Errorf("%w: has %d formats, want one", errMatrix, given)
	}
	switch {
	case m.NF4 != nil:
		if err := nf4.Check(m.NF4, n); err != nil {
			return nil, err
		}
		return b.placePacked(m)
	case m.BF16 != nil:
		if len(m.BF16) != n {
			return nil, fmt.Errorf("%w: %d values", errMatrix, len(m.BF16))
		}
		return b.placeDense(m, unsafe.Pointer(&m.BF16[0]), false)
	case len(m.F32) != n:
		return nil, fmt.Errorf("%w: %d values", errMatrix, len(m.F32))
	case b.bf16:
		narrow := make([]uint16, n)
		for i, v := range m.F32 {
			narrow[i] = engine.BFloat16(v)
		}
		return b.placeDense(m, unsafe.Pointer(&narrow[0]), false)
	}
	return b.placeDense(m, unsafe.Pointer(&m.F32[0]), true)
}

// placeDense copies the values at src, float32 if wide or else bfloat16, into
// rows that begin on 16 bytes.
func (b *Backend) placeDense(m engine.Matrix, src unsafe.Pointer, wide bool) (*weight, error) {
	size, stride := b.denseSize(m), denseStride(m)
	bytes := int64(m.Rows) * int64(stride) * int64(size)
	if m.Host {
		return b.placeHost(m, src, bytes, stride*size, matrix{rows: m.Rows, width: m.Cols, stride: stride}, wide)
	}
	a, err := b.allocate(bytes)
	if err != nil {
		return nil, err
	}
	w := &weight{memory: a, rows: m.Rows, cols: m.Cols, bytes: a.bytes, wide: wide, dense: matrix{a.ptr, m.Rows, m.Cols, stride}}
	return w, b.upload2D(a.ptr, stride*size, src, m.Cols*size, m.Rows)
}

// placeHost copies rows of a dense matrix to host memory that the device reads too.
func (b *Backend) placeHost(m engine.Matrix, src unsafe.Pointer, bytes int64, pitch int, dense matrix, wide bool) (*weight, error) {
	h, err := b.allocatePinned(bytes)
	if err != nil {
		return nil, err
	}
	width := len(unsafe.Slice((*byte)(src), pitch)) / dense.stride * m.Cols
	for i := range m.Rows {
		copy(unsafe.Slice((*byte)(unsafe.Add(h.ptr, i*pitch)), width), unsafe.Slice((*byte)(unsafe.Add(src, i*width)), width))
	}
	dense.ptr = pointer(h.ptr)
	return &weight{memory: h, rows: m.Rows, cols: m.Cols, wide: wide, dense: dense}, nil
}

// placePacked copies the arrays of an NF4 matrix one behind the other, aligned.
func (b *Backend) placePacked(m engine.Matrix) (*weight, error) {
	q := m.NF4
	parts, bytes := packedParts(m), int64(0)
	for _, part := range parts {
		bytes += roundUp(part, 16)
	}
	a, err := b.allocate(bytes)
	if err != nil {
		return nil, err
	}
	w := &weight{memory: a, rows: m.Rows, cols: m.Cols, bytes: a.bytes, packed: &packed{offset: q.Offset}}
	from := []unsafe.Pointer{
		unsafe.Pointer(unsafe.SliceData(q.Codes)), unsafe.Pointer(unsafe.SliceData(q.Scales)),
		unsafe.Pointer(unsafe.SliceData(q.Scales2)), unsafe.Pointer(unsafe.SliceData(q.Absmax)),
	}
	at := a.ptr
	for i, to := range []*pointer{&w.packed.codes, &w.packed.scales, &w.packed.scales2, &w.packed.absmax} {
		if parts[i] == 0 {
			continue
		}
		*to = at
		if err := cu.MemcpyHtoDAsync(cu.DevicePtr(at), from[i], parts[i], b.stream); err != nil {
			return nil, err
		}
		at = at.offset(int(roundUp(parts[i], 16)))
	}
	return w, b.wait()
}

func fromBFloat16(v uint16) float32 { return math.Float32frombits(uint32(v) << 16) }
