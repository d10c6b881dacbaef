package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"

	"daybook/engine"
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
	if !t.isFloat() {
		return nil, fmt.Errorf("dtype %s cannot hold weights; F32, BF16 and F16 can", t.DType)
	}
	out := make([]float32, t.elements())
	t.decode(out, 0)
	return out, nil
}

func (t Tensor) isFloat() bool { return t.DType == F32 || t.DType == BF16 || t.DType == F16 }

func (t Tensor) elements() int { return len(t.Data) / dtypeSize[t.DType] }

// decode sets dst to elements from on of a tensor of F32, BF16 or F16.
func (t Tensor) decode(dst []float32, from int) {
	data := t.Data[from*dtypeSize[t.DType]:]
	switch t.DType {
	case F32:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
		}
	case BF16:
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(data[2*i:])) << 16)
		}
	case F16:
		for i := range dst {
			dst[i] = halfToFloat(binary.LittleEndian.Uint16(data[2*i:]))
		}
	case U8:
		panic("checkpoint: no weights in U8")
	}
}

// words sets dst to the 16-bit patterns from element from on of a BF16 tensor.
func (t Tensor) words(dst []uint16, from int) {
	data := t.Data[2*from:]
	for i := range dst {
		dst[i] = binary.LittleEndian.Uint16(data[2*i:])
	}
}

// encode writes values as elements of type d, rounded to the nearest, ties to even.
// It returns the first value that d can't hold, ok false then.
func encode(dst []byte, d DType, values []float32) (bad float32, ok bool) {
	switch d {
	case F32:
		for i, v := range values {
			binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(v))
		}
	case BF16:
		for i, v := range values {
			h := engine.BFloat16(v)
			if h&0x7F80 == 0x7F80 {
				return v, false
			}
			binary.LittleEndian.PutUint16(dst[2*i:], h)
		}
	case F16:
		for i, v := range values {
			h := floatToHalf(v)
			if h&0x7C00 == 0x7C00 {
				return v, false
			}
			binary.LittleEndian.PutUint16(dst[2*i:], h)
		}
	case U8:
		panic("checkpoint: no weights in U8")
	}
	return 0, true
}

// floatToHalf rounds to IEEE 754 binary16, to the nearest, ties to even.
func floatToHalf(x float32) uint16 {
	u := math.Float32bits(x)
	sign := uint16(u >> 16 & 0x8000)
	u &= 0x7FFFFFFF
	switch {
	case u > 0x7F800000:
		return sign | 0x7E00
	case u >= 0x477FF000: // 65520 and more round to infinity
		return sign | 0x7C00
	case u < 0x38800000: // under 2^-14: a multiple of 2^-24
		return sign | uint16(math.RoundToEven(float64(math.Float32frombits(u))*(1<<24)))
	}
	u += 0xFFF + u>>13&1
	return sign | uint16((u-0x38000000)>>13)
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
