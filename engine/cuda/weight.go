package cuda

import (
	"daybook/engine"
	"daybook/engine/nf4"
)

// weight is a frozen matrix, packed or dense.
type weight struct {
	memory     any // what it lies in, an *arena or in host memory *pinned, which lives as long as it does
	rows, cols int
	bytes      int64
	dense      matrix  // where packed is nil
	wide       bool    // dense holds float32, else bfloat16
	packed     *packed // where dense is nil
}

// packed is an NF4 matrix as engine.NF4 describes it, on the device.
type packed struct {
	codes   pointer // (rows*cols/2) bytes
	scales  pointer // (rows*cols/64) bytes; 0 without double quantization
	scales2 pointer // (ceil(rows*cols/64/256)) float32; 0 without double quantization
	absmax  pointer // (rows*cols/64) float32; 0 with double quantization
	offset  float32
}

// Dims implements engine.Weight.
func (w *weight) Dims() (rows, cols int) { return w.rows, w.cols }

// Bytes implements engine.Weight.
func (w *weight) Bytes() int64 { return w.bytes }

// WeightBytes implements engine.Planner.
func (b *Backend) WeightBytes(m engine.Matrix) int64 {
	var bytes int64
	switch {
	case m.NF4 != nil:
		for _, part := range packedParts(m) {
			bytes += roundUp(part, 16)
		}
	case m.Host:
		return 0
	default:
		bytes = int64(m.Rows) * int64(denseStride(m)) * int64(b.denseSize(m))
	}
	return max(roundUp(bytes, align), align)
}

// packedParts returns the bytes of the codes, scales, second-level scales and plain
// scales of an NF4 matrix, which lie one behind the other, each on 16 bytes.
func packedParts(m engine.Matrix) [4]int64 {
	codes, scales, scales2, absmax := nf4.Layout(m.Rows*m.Cols, m.NF4.Absmax == nil)
	return [...]int64{int64(codes), int64(scales), 4 * int64(scales2), 4 * int64(absmax)}
}

// denseStride is the elements from row to row of a dense matrix: rows begin on 16
// bytes.
func denseStride(m engine.Matrix) int { return int(roundUp(int64(m.Cols), 8)) }

// denseSize is the bytes of an element of a dense matrix: of float32 if it comes so
// and is computed with so, else of bfloat16.
func (b *Backend) denseSize(m engine.Matrix) int {
	if m.F32 != nil && !b.bf16 {
		return 4
	}
	return 2
}
