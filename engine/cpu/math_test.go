package cpu

import (
	"math"
	"testing"
)

func TestExp(t *testing.T) {
	var x []float32
	for v := float32(-87.3); v < 88.7; v += 0.00137 {
		x = append(x, v)
	}
	x = append(x, 0, -0x1p-149, 0x1p-149, 0x1p-24, -0x1p-24, 88.7228, math.Ln2, -math.Ln2)
	for variant, name := range Variants() { // whose names are a prefix of all names
		worst := 0.0
		for i, got := range exp(variant, x) {
			want := math.Exp(float64(x[i]))
			if e := math.Abs(float64(got)-want) / want; e > worst {
				worst = e
			}
		}
		if worst > 1.2e-7 {
			t.Errorf("%s: relative error of %.3g, want at most 1.2e-7", name, worst)
		}
		inf, nan := float32(math.Inf(1)), float32(math.NaN())
		got := exp(variant, []float32{-inf, -1e30, -87.4, 89, 1e30, inf, nan})
		for i, want := range []float32{0, 0, 0, inf, inf, inf, nan} {
			if got[i] != want && !(got[i] != got[i] && want != want) {
				t.Errorf("%s: special value %d: %v, want %v", name, i, got[i], want)
			}
		}
	}
}

func TestLog(t *testing.T) {
	check := func(x float32) {
		t.Helper()
		if got, want := log(x), float32(math.Log(float64(x))); got != want && !(got != got && want != want) {
			t.Errorf("log(%v) = %v, want %v", x, got, want)
		}
	}
	for x := float32(0x1p-126); x < 1e38; x *= 1.00371 {
		check(x)
	}
	for _, x := range []float32{0x1p-149, 0x1.8p-130, 1, 0, float32(math.Inf(1)), float32(math.NaN()), -1, math.MaxFloat32, math.Sqrt2, 1 / math.Sqrt2, 1 + 0x1p-23, 1 - 0x1p-24} {
		check(x)
	}
}
