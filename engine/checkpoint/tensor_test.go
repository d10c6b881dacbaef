package checkpoint

import (
	"math"
	"testing"
)

// Every half comes back from float32 as it was, and what lies between two goes to the
// nearer one, or to the even one of two that are as near.
func TestFloatToHalf(t *testing.T) {
	for h := range uint16(0x7C00) {
		x := halfToFloat(h)
		if got := floatToHalf(x); got != h {
			t.Fatalf("%#x is %g, which becomes %#x", h, x, got)
		}
		if got := floatToHalf(-x); got != h|0x8000 {
			t.Fatalf("%#x is %g, whose negative becomes %#x", h, x, got)
		}
		next := float64(halfToFloat(h + 1))
		if h == 0x7BFF {
			next = 65536
		}
		middle := float32((float64(x) + next) / 2)
		even := h + h&1
		for _, c := range []struct {
			x    float32
			want uint16
		}{
			{math.Nextafter32(middle, 0), h}, {middle, even}, {math.Nextafter32(middle, math.MaxFloat32), h + 1},
		} {
			if got := floatToHalf(c.x); got != c.want {
				t.Fatalf("%g between %#x and the next becomes %#x, want %#x", c.x, h, got, c.want)
			}
		}
	}
	if floatToHalf(float32(math.Inf(-1))) != 0xFC00 || floatToHalf(1e30) != 0x7C00 || floatToHalf(float32(math.NaN()))&0x7FFF <= 0x7C00 {
		t.Error("infinities and NaN")
	}
}

func TestEncodeRefuses(t *testing.T) {
	dst := make([]byte, 8)
	for _, c := range []struct {
		d  DType
		x  float32
		ok bool
	}{{F16, 65519, true}, {F16, -65520, false}, {BF16, 3.38e38, true}, {BF16, 3.4e38, false}, {F32, 3.4e38, true}} {
		if bad, ok := encode(dst, c.d, []float32{1, c.x}); ok != c.ok || !ok && bad != c.x {
			t.Errorf("%s: %g: %g, %t", c.d, c.x, bad, ok)
		}
	}
}
