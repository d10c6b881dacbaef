// Package nf4 quantizes weights to 4-bit NormalFloat and back, bit for bit as
// bitsandbytes does on a CPU, and holds the 8-bit dynamic maps that double
// quantization and 8-bit optimizers share.
//
// Format, over the row-major flattened weight:
//
//	absmax[b] = max |w| over block b of 64
//	code[i]   = number of midpoints between neighbouring Codes that are < w[i]*(1/absmax[b])
//	byte[i/2] = code[i]<<4 | code[i+1], i even
//
// With double quantization the block scales become 8-bit themselves, in groups
// of 256 blocks (Dettmers et al. 2023, section 3):
//
//	offset     = mean(absmax)
//	scales2[g] = max |absmax - offset| over group g
//	scales[b]  = nearest code of DynamicSigned to (absmax[b]-offset)*(1/scales2[g])
//	absmax'[b] = DynamicSigned[scales[b]]*scales2[g] + offset, rounded twice
//
// It does not know matrices, files or threads: callers split large tensors
// themselves, along multiples of GroupSize where there is double quantization.
package nf4

import (
	"errors"
	"fmt"
	"math"

	"daybook/engine"
)

// Sizes of the format.
const (
	BlockSize      = 64  // weights that share one scale
	ScaleGroupSize = 256 // block scales that share one second-level scale
)

// minScale keeps 1/absmax finite: bitsandbytes clamps absmax to it before
// dividing, so that a block of denormals quantizes as if it were smaller still.
const minScale = 1e-38

// ErrFormat reports an NF4 value whose parts do not fit together.
var ErrFormat = errors.New("malformed NF4 weight")

// Quantize returns w in NF4, with 8-bit block scales if double. The mean of
// the scales is summed in float64 from the first block to the last and rounded
// to float32 once. w must be finite (see FirstNonFinite): the scale of a block
// that is not becomes non-finite too, and with double quantization every scale
// of w. It panics unless len(w) is a positive multiple of 64.
func Quantize(w []float32, double bool) *engine.NF4 {
	if len(w) == 0 || len(w)%BlockSize != 0 {
		panic(fmt.Sprintf("nf4: %d weights are not a positive multiple of %d", len(w), BlockSize))
	}
	q := &engine.NF4{
		Codes:  make([]byte, len(w)/2),
		Absmax: make([]float32, len(w)/BlockSize),
	}
	QuantizeBlocks(q.Codes, q.Absmax, w)
	if double {
		compressScales(q)
	}
	return q
}

// QuantizeBlocks is the first level of Quantize, for callers that split a
// tensor over goroutines: it fills len(w)/2 codes and len(w)/64 scales. Give
// the assembled scales to Compress for the second level.
func QuantizeBlocks(codes []byte, absmax, w []float32) {
	codes, absmax = codes[:len(w)/2], absmax[:len(w)/BlockSize]
	for b := range absmax {
		block := w[b*BlockSize:][:BlockSize]
		m := maxAbs(block)
		absmax[b] = m
		inv := 1 / max(m, minScale)
		out := codes[b*BlockSize/2:][:BlockSize/2]
		for i := range out {
			// The conversions keep each product's rounding from being fused away.
			out[i] = nearestCode(float32(block[2*i]*inv))<<4 | nearestCode(float32(block[2*i+1]*inv))
		}
	}
}

// Compress returns q with its block scales double-quantized. q.Absmax must be set.
func Compress(q *engine.NF4) *engine.NF4 {
	c := *q
	compressScales(&c)
	return &c
}

func compressScales(q *engine.NF4) {
	absmax := q.Absmax
	var sum float64
	for _, a := range absmax {
		sum += float64(a)
	}
	q.Offset = float32(sum / float64(len(absmax)))
	q.Scales = make([]byte, len(absmax))
	q.Scales2 = make([]float32, (len(absmax)+ScaleGroupSize-1)/ScaleGroupSize)
	q.Absmax = nil
	var centred [ScaleGroupSize]float32
	for g := range q.Scales2 {
		group := absmax[g*ScaleGroupSize : min((g+1)*ScaleGroupSize, len(absmax))]
		c := centred[:len(group)]
		for i, a := range group {
			c[i] = a - q.Offset
		}
		q.Scales2[g] = QuantizeDynamic(&DynamicSigned, q.Scales[g*ScaleGroupSize:], c)
	}
}

// BlockScale returns the scale of block b of q, whichever way it is stored.
func BlockScale(q *engine.NF4, b int) float32 {
	if q.Absmax != nil {
		return q.Absmax[b]
	}
	// The conversion keeps the product's rounding: fused, the result would
	// differ from bitsandbytes' in the last bit.
	return float32(DynamicSigned[q.Scales[b]]*q.Scales2[b/ScaleGroupSize]) + q.Offset
}

// Dequantize writes all weights of q to dst, which must hold 2*len(q.Codes).
func Dequantize(dst []float32, q *engine.NF4) { DequantizeRange(dst[:2*len(q.Codes)], q, 0) }

// DequantizeRange writes the len(dst) weights of q from element `from` on.
func DequantizeRange(dst []float32, q *engine.NF4, from int) {
	var value [16]float32
	for len(dst) > 0 {
		block, start := from/BlockSize, from%BlockSize
		n := min(BlockSize-start, len(dst))
		scale := BlockScale(q, block)
		for c, v := range Codes {
			value[c] = v * scale
		}
		out := dst[:n]
		i := 0
		if from%2 == 1 {
			out[0] = value[q.Codes[from/2]&15]
			i = 1
		}
		codes := q.Codes[(from+i)/2:]
		for ; i+1 < n; i += 2 {
			c := codes[0]
			codes = codes[1:]
			out[i], out[i+1] = value[c>>4], value[c&15]
		}
		if i < n {
			out[i] = value[codes[0]>>4]
		}
		dst, from = dst[n:], from+n
	}
}

// Check returns an error wrapping ErrFormat unless q holds exactly `elements`
// weights with matching scales.
func Check(q *engine.NF4, elements int) error {
	blocks := elements / BlockSize
	switch {
	case elements <= 0 || elements%BlockSize != 0:
		return fmt.Errorf("%w: %d weights are not a positive multiple of %d", ErrFormat, elements, BlockSize)
	case len(q.Codes) != elements/2:
		return fmt.Errorf("%w: %d bytes of codes for %d weights, want %d", ErrFormat, len(q.Codes), elements, elements/2)
	case q.Absmax != nil && q.Scales != nil:
		return fmt.Errorf("%w: block scales both plain and double-quantized", ErrFormat)
	case q.Absmax != nil && len(q.Absmax) != blocks:
		return fmt.Errorf("%w: %d block scales for %d blocks", ErrFormat, len(q.Absmax), blocks)
	case q.Absmax == nil && len(q.Scales) != blocks:
		return fmt.Errorf("%w: %d block scales for %d blocks", ErrFormat, len(q.Scales), blocks)
	case q.Absmax == nil && len(q.Scales2) != (blocks+ScaleGroupSize-1)/ScaleGroupSize:
		return fmt.Errorf("%w: %d second-level scales for %d blocks", ErrFormat, len(q.Scales2), blocks)
	}
	return nil
}

// Layout returns how many elements Codes, Scales, Scales2 and Absmax have of a matrix
// of so many weights.
func Layout(weights int, doubleQuant bool) (codes, scales, scales2, absmax int) {
	blocks := weights / BlockSize
	if !doubleQuant {
		return weights / 2, 0, 0, blocks
	}
	return weights / 2, blocks, (blocks + ScaleGroupSize - 1) / ScaleGroupSize, 0
}

// FirstNonFinite returns the index of the first NaN or infinity in w, or -1.
func FirstNonFinite(w []float32) int {
	for i, v := range w {
		if math.Float32bits(v)&0x7fffffff >= 0x7f800000 {
			return i
		}
	}
	return -1
}

// maxAbs returns the largest magnitude; among the bits of non-negative floats
// integer order is float order, and NaN is largest.
func maxAbs(w []float32) float32 {
	var m uint32
	for _, v := range w {
		m = max(m, math.Float32bits(v)&0x7fffffff)
	}
	return math.Float32frombits(m)
}
