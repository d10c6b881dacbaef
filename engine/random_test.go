package engine

import (
	"math"
	"slices"
	"testing"
)

// TestPhilox checks the known answers of Random123 (Salmon et al. 2011), file kat_vectors.
func TestPhilox(t *testing.T) {
	const all = 0xffffffff
	tests := []struct {
		counter [4]uint32
		key     [2]uint32
		want    [4]uint32
	}{
		{[4]uint32{}, [2]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{all, all, all, all}, [2]uint32{all, all}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{
			[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
			[2]uint32{0xa4093822, 0x299f31d0},
			[4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
		},
	}
	for _, tt := range tests {
		if got := Philox4x32(tt.counter, tt.key); got != tt.want {
			t.Errorf("Philox4x32(%x, %x) = %x, want %x", tt.counter, tt.key, got, tt.want)
		}
	}
}

func TestRandomIsAPureFunctionOfItsName(t *testing.T) {
	draw := func(words ...uint64) []uint32 {
		r := NewRandom(words...)
		out := make([]uint32, 10)
		for i := range out {
			out[i] = r.Uint32()
		}
		return out
	}
	if !slices.Equal(draw(1, 2, 3), draw(1, 2, 3)) {
		t.Error("equal names gave different numbers")
	}
	for _, other := range [][]uint64{{1, 2, 4}, {1, 3, 2}, {1, 2}, {1, 2, 3, 0}} {
		if slices.Equal(draw(1, 2, 3), draw(other...)) {
			t.Errorf("%v gave the numbers of [1 2 3]", other)
		}
	}
}

func TestIntNIsUniform(t *testing.T) {
	r := NewRandom(1)
	const n, draws = 7, 70_000
	var seen [n]int
	for range draws {
		seen[r.IntN(n)]++
	}
	for v, c := range seen {
		// Five standard deviations of a binomial.
		if math.Abs(float64(c)-draws/n) > 5*math.Sqrt(draws/n) {
			t.Errorf("%d drawn %d times of %d", v, c, draws)
		}
	}
	for range 100 {
		if v := r.IntN(1); v != 0 {
			t.Errorf("IntN(1) = %d", v)
		}
		if v := r.IntN(1 << 31); v < 0 {
			t.Errorf("IntN(1<<31) = %d", v)
		}
	}
}

func TestPerm(t *testing.T) {
	// All 24 orders of four things come up about equally often.
	r := NewRandom(2)
	const draws = 24_000
	seen := map[[4]int]int{}
	for range draws {
		p := [4]int(r.Perm(4))
		seen[p]++
		s := slices.Sorted(slices.Values(p[:]))
		if !slices.Equal(s, []int{0, 1, 2, 3}) {
			t.Fatalf("%v is no permutation", p)
		}
	}
	if len(seen) != 24 {
		t.Fatalf("%d different orders, want 24", len(seen))
	}
	for p, c := range seen {
		if math.Abs(float64(c)-1000) > 5*math.Sqrt(1000) {
			t.Errorf("%v drawn %d times of %d", p, c, draws)
		}
	}
}

func TestDropoutKeysDiffer(t *testing.T) {
	seen := map[[2]uint32]bool{}
	for step := range uint64(3) {
		for layer := range 3 {
			for in := range NumInputs {
				k := Dropout{P: 0.5, Seed: 1, Step: step}.Key(layer, in)
				if seen[k] {
					t.Errorf("step %d, layer %d, input %d: key repeated", step, layer, in)
				}
				seen[k] = true
			}
		}
	}
	if got := (Dropout{P: 0.25}).Threshold(); got != 1<<30 {
		t.Errorf("threshold %d, want %d", got, 1<<30)
	}
}
