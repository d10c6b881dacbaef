package cpu

import (
	"fmt"
	"math"
	"testing"

	"daybook/engine"
	"daybook/engine/nf4"
)

// fma32 is a*b+c rounded once to float32: the exact sum of product and c is
// rounded to odd in float64, which a second rounding can't spoil.
func fma32(a, b, c float32) float32 {
	p := float64(a) * float64(b) // exact
	s := p + float64(c)
	v := s - p
	if lost := (p - (s - v)) + (float64(c) - v); lost != 0 {
		if bits := math.Float64bits(s); bits&1 == 0 {
			if (lost > 0) == (s > 0) {
				s = math.Float64frombits(bits + 1)
			} else {
				s = math.Float64frombits(bits - 1)
			}
		}
	}
	return float32(s)
}

func TestFMA32(t *testing.T) {
	// 2^24+1 lies halfway between two floats; the product tips the balance.
	for _, c := range []struct{ a, b, c, want float32 }{
		{1, 1, 1 << 24, 1 << 24},
		{1 + 0x1p-23, 1, 1 << 24, 1<<24 + 2},
		{0x1p-60, 0x1p-60, 1, 1},
		{-1, 1 + 0x1p-23, 1, -0x1p-23},
	} {
		if got := fma32(c.a, c.b, c.c); got != c.want {
			t.Errorf("fma32(%v, %v, %v) = %v, want %v", c.a, c.b, c.c, got, c.want)
		}
	}
}

// matrixFormats are w as every format holds it, with the values that it then has.
func matrixFormats(rows, cols int, w []float32) map[string]engine.Matrix {
	short := make([]uint16, len(w))
	for i, v := range w {
		short[i] = uint16(math.Float32bits(v) >> 16)
	}
	m := map[string]engine.Matrix{
		"f32":  {Rows: rows, Cols: cols, F32: w},
		"bf16": {Rows: rows, Cols: cols, BF16: short},
	}
	if len(w)%nf4.BlockSize == 0 {
		m["nf4"] = engine.Matrix{Rows: rows, Cols: cols, NF4: nf4.Quantize(w, false)}
		m["nf4 double"] = engine.Matrix{Rows: rows, Cols: cols, NF4: nf4.Quantize(w, true)}
	}
	return m
}

func valuesOf(m engine.Matrix) []float32 {
	switch {
	case m.F32 != nil:
		return m.F32
	case m.NF4 != nil:
		out := make([]float32, m.Rows*m.Cols)
		nf4.Dequantize(out, m.NF4)
		return out
	}
	out := make([]float32, len(m.BF16))
	for i, v := range m.BF16 {
		out[i] = math.Float32frombits(uint32(v) << 16)
	}
	return out
}

// TestProductIsOneChain holds every element of a product to a single chain of
// fused multiply-adds in the order of the common index, to the bit, on shapes
// around every block size.
func TestProductIsOneChain(t *testing.T) {
	for _, o := range settings() {
		be := open(t, million(), o)
		for _, c := range []struct{ rows, outs, ins int }{
			{1, 16, 64}, {5, 67, 33}, {13, 128, 64}, {49, 40, 208}, {7, 96, 430}, {200, 16, 4}, {260, 72, 40},
		} {
			for name, m := range matrixFormats(c.outs, c.ins, numbers(c.outs*c.ins, 1)) {
				w, values := frozen(t, be, m), valuesOf(m)
				for _, transposed := range []bool{false, true} {
					from, to := c.ins, c.outs
					if transposed {
						from, to = to, from
					}
					x := numbers(c.rows*from, 2)
					y := upload(t, be, numbers(c.rows*to, 3))
					be.product(t, upload(t, be, x), w, y, c.rows, transposed)
					want := make([]float32, c.rows*to)
					for r := range c.rows {
						for j := range to {
							var sum float32
							for k := range from {
								at := j*c.ins + k
								if transposed {
									at = k*c.ins + j
								}
								sum = fma32(x[r*from+k], values[at], sum)
							}
							want[r*to+j] = sum
						}
					}
					sameBits(t, fmt.Sprintf("%s threads=%d: %d by (%d, %d) %s transposed=%v", o.Variant, o.Threads, c.rows, c.outs, c.ins, name, transposed),
						download(t, be, y), want)
				}
			}
		}
	}
}
