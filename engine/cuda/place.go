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
	all, err := b.NewWeights([]engine.Matrix{m})
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// NewWeights implements engine.Packer: the driver gives memory out in pages of
// 2 MiB, of which each weight by itself would leave one half empty.
func (b *Backend) NewWeights(all []engine.Matrix) ([]engine.Weight, error) {
	var bytes int64
	for _, m := range all {
		if err := checkMatrix(m); err != nil {
			return nil, fmt.Errorf("weight of %d by %d: %w", m.Rows, m.Cols, err)
		}
		bytes += b.WeightBytes(m)
	}
	out := make([]engine.Weight, len(all))
	err := b.run("weights", func() error {
		var a *arena
		var at pointer
		if bytes > 0 {
			var err error
			if a, err = b.allocate(bytes); err != nil {
				return err
			}
			at = a.ptr
		}
		for i, m := range all {
			w, err := b.placeMatrix(m, a, at)
			if err != nil {
				return fmt.Errorf("%d by %d: %w", m.Rows, m.Cols, err)
			}
			out[i] = w
			at += pointer(w.bytes)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// checkMatrix makes sure that m has what it claims, in one format.
func checkMatrix(m engine.Matrix) error {
	n, given := m.Rows*m.Cols, 0
	if m.Rows < 1 || m.Cols < 1 {
		return errMatrix
	}
	for _, set := range []bool{m.F32 != nil, m.BF16 != nil, m.NF4 != nil} {
		if set {
			given++
		}
	}
	switch values := max(len(m.F32), len(m.BF16)); {
	case given != 1:
		return fmt.Errorf("%w: has %d formats, want one", errMatrix, given)
	case m.NF4 != nil:
		return nf4.Check(m.NF4, n)
	case values != n:
		return fmt.Errorf("%w: %d values", errMatrix, values)
	}
	return nil
}

// placeMatrix copies m, which is whole, to address at of a.
func (b *Backend) placeMatrix(m engine.Matrix, a *arena, at pointer) (*weight, error) {
	w := &weight{memory: a, rows: m.Rows, cols: m.Cols, bytes: b.WeightBytes(m)}
	if m.NF4 != nil {
		return w, b.placePacked(w, m.NF4, packedParts(m), at)
	}
	w.wide = b.denseSize(m) == 4
	w.dense = matrix{at, m.Rows, m.Cols, denseStride(m)}
	var src unsafe.Pointer
	switch {
	case m.BF16 != nil:
		src = unsafe.Pointer(&m.BF16[0])
	case w.wide:
		src = unsafe.Pointer(&m.F32[0])
	default:
		narrow := make([]uint16, len(m.F32))
		for i, v := range m.F32 {
			narrow[i] = engine.BFloat16(v)
		}
		src = unsafe.Pointer(&narrow[0])
	}
	size := b.denseSize(m)
	if m.Host {
		return w, b.placeHost(w, src, size)
	}
	return w, b.upload2D(at, w.dense.stride*size, src, m.Cols*size, m.Rows)
}

// placeHost copies rows of elements of so many bytes to host memory that the device
// reads too.
func (b *Backend) placeHost(w *weight, src unsafe.Pointer, size int) error {
	width, pitch := w.cols*size, w.dense.stride*size
	h, err := b.allocatePinned(int64(w.rows) * int64(pitch))
	if err != nil {
		return err
	}
	for i := range w.rows {
		copy(unsafe.Slice((*byte)(unsafe.Add(h.ptr, i*pitch)), width), unsafe.Slice((*byte)(unsafe.Add(src, i*width)), width))
	}
	w.memory, w.dense.ptr = h, pointer(h.ptr)
	return nil
}

// placePacked copies the arrays of an NF4 matrix one behind the other, aligned.
func (b *Backend) placePacked(w *weight, q *engine.NF4, parts [4]int64, at pointer) error {
	w.packed = &packed{offset: q.Offset}
	from := []unsafe.Pointer{
		unsafe.Pointer(unsafe.SliceData(q.Codes)), unsafe.Pointer(unsafe.SliceData(q.Scales)),
		unsafe.Pointer(unsafe.SliceData(q.Scales2)), unsafe.Pointer(unsafe.SliceData(q.Absmax)),
	}
	for i, to := range []*pointer{&w.packed.codes, &w.packed.scales, &w.packed.scales2, &w.packed.absmax} {
		if parts[i] == 0 {
			continue
		}
		*to = at
		if err := cu.MemcpyHtoDAsync(cu.DevicePtr(at), from[i], parts[i], b.stream); err != nil {
			return err
		}
		at = at.offset(int(roundUp(parts[i], 16)))
	}
	return b.wait()
}

func fromBFloat16(v uint16) float32 { return math.Float32frombits(uint32(v) << 16) }
