package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Tensor is a tensor in memory, row-major and little-endian as in the file.
type Tensor struct {
	DType DType
	Shape []int
	Data  []byte
}

// NewF32 returns a tensor of float32 values. It panics if shape and values differ in size.
func NewF32(shape []int, values []float32) Tensor {
	t := Tensor{DType: F32, Shape: shape, Data: make([]byte, 4*len(values))}
	for i, v := range values {
		binary.LittleEndian.PutUint32(t.Data[4*i:], math.Float32bits(v))
	}
	if err := t.check(); err != nil {
		panic("checkpoint: " + err.Error())
	}
	return t
}

func (t Tensor) check() error {
	width, ok := dtypeSize[t.DType]
	if !ok {
		return fmt.Errorf("unknown dtype %q", t.DType)
	}
	want := width
	for _, d := range t.Shape {
		want *= d
	}
	if want != len(t.Data) {
		return fmt.Errorf("%s of shape %v takes %d bytes, not %d", t.DType, t.Shape, want, len(t.Data))
	}
	return nil
}

// Float32 returns the values of a tensor of F32, BF16 or F16, all of which
// float32 holds exactly. Other types are an error.
func (t Tensor) Float32() ([]float32, error) {
	switch t.DType {
	case F32:
		out := make([]float32, len(t.Data)/4)
		for i := range out {
			out[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
		}
		return out, nil
	case BF16:
		out := make([]float32, len(t.Data)/2)
		for i := range out {
			out[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(t.Data[2*i:])) << 16)
		}
		return out, nil
	case F16:
		out := make([]float32, len(t.Data)/2)
		for i := range out {
			out[i] = halfToFloat(binary.LittleEndian.Uint16(t.Data[2*i:]))
		}
		return out, nil
	case U8:
		fallthrough
	default:
		return nil, fmt.Errorf("dtype %s cannot hold weights; F32, BF16 and F16 can", t.DType)
	}
}

// words returns the 16-bit patterns of a BF16 tensor.
func (t Tensor) words() []uint16 {
	out := make([]uint16, len(t.Data)/2)
	for i := range out {
		out[i] = binary.LittleEndian.Uint16(t.Data[2*i:])
	}
	return out
}

// halfToFloat converts IEEE 754 binary16.
func halfToFloat(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exponent, fraction := uint32(h>>10&0x1F), uint32(h&0x3FF)
	switch exponent {
	case 0: // zero and subnormals: fraction * 2^-24
		f := float32(fraction) * (1.0 / (1 << 24))
		return math.Float32frombits(math.Float32bits(f) | sign)
	case 0x1F:
		return math.Float32frombits(sign | 0x7F800000 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
}
