package cpu

import (
	"fmt"
	"testing"

	"daybook/engine"
	"daybook/engine/nf4"
)

// TestUnpackIsDequantize multiplies by the identity: what comes out is the
// weight itself, to the bit.
func TestUnpackIsDequantize(t *testing.T) {
	for _, variant := range Variants() {
		be := open(t, million(), Options{Threads: 1, Variant: variant})
		for _, c := range []struct{ rows, cols int }{{16, 64}, {64, 16}, {3, 64}, {40, 80}, {64, 33}, {65, 192}, {2, 1024}} {
			for _, double := range []bool{false, true} {
				q := nf4.Quantize(numbers(c.rows*c.cols, 1), double)
				want := make([]float32, c.rows*c.cols)
				nf4.Dequantize(want, q)
				w := frozen(t, be, engine.Matrix{Rows: c.rows, Cols: c.cols, NF4: q})
				what := fmt.Sprintf("%s: (%d, %d) double=%v", variant, c.rows, c.cols, double)

				y := upload(t, be, make([]float32, c.rows*c.cols))
				be.product(t, upload(t, be, identity(c.rows)), w, y, c.rows, true)
				sameBits(t, what, download(t, be, y), want)

				be.product(t, upload(t, be, identity(c.cols)), w, y, c.cols, false)
				got := download(t, be, y)
				for i := range want {
					if v := got[i%c.cols*c.rows+i/c.cols]; v != want[i] {
						t.Fatalf("%s: transposed: element %d is %v, want %v", what, i, v, want[i])
					}
				}
			}
		}
	}
}

func identity(n int) []float32 {
	out := make([]float32, n*n)
	for i := range n {
		out[i*n+i] = 1
	}
	return out
}

func TestPackedWeightsStaySmall(t *testing.T) {
	be := open(t, million(), Options{Threads: 2})
	before, _ := be.Memory()
	rows, cols := 384, 512
	w := frozen(t, be, engine.Matrix{Rows: rows, Cols: cols, NF4: nf4.Quantize(numbers(rows*cols, 1), true)})
	after, _ := be.Memory()
	for name, bytes := range map[string]int64{"Bytes": w.Bytes(), "Memory": after - before} {
		if per := float64(bytes) / float64(rows*cols); per > 0.53 || per < 0.5 {
			t.Errorf("%s: %.4f bytes a parameter, want at most 0.53", name, per)
		}
	}
	x, y := upload(t, be, numbers(300*cols, 2)), upload(t, be, make([]float32, 300*rows))
	be.product(t, x, w, y, 300, false)
	if now := w.Bytes(); now != after-before {
		t.Errorf("after use: %d bytes, had %d", now, after-before)
	}
}
