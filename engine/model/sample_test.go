package model

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func sampler(t *testing.T, temperature, topP float64, seed uint64) *Sampler {
	t.Helper()
	s, err := NewSampler(temperature, topP, seed)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSampleFrequencies draws often and compares with the probabilities, worked out
// in the plain way.
func TestSampleFrequencies(t *testing.T) {
	const draws = 40000
	logits := []float32{1, 3, -2, 2.5, 0, float32(math.Inf(-1)), 2, 3}
	for _, tt := range []struct {
		temperature, topP float64
		kept              int // of the most likely
	}{
		{1, 1, 7},
		{0.5, 1, 7},
		{2, 1, 7},
		{1, 0.6, 2},
		{1, 0.8, 3},
		{1, 0.01, 1}, // probabilities are .31 .31 .19 .11 ...
	} {
		order := []int{1, 7, 3, 6, 0, 4, 2}[:tt.kept]
		want, total := make([]float64, len(logits)), 0.0
		for _, i := range order {
			want[i] = math.Exp(float64(logits[i]) / tt.temperature)
			total += want[i]
		}
		counts := make([]float64, len(logits))
		s := sampler(t, tt.temperature, tt.topP, 7)
		for range draws {
			counts[s.Pick(slices.Clone(logits))]++
		}
		for i := range want {
			p := want[i] / total
			// Five standard deviations of a binomial count.
			if off := math.Abs(counts[i]/draws - p); off > 5*math.Sqrt(p*(1-p)/draws) {
				t.Errorf("temperature %g, top_p %g: token %d came with %.4f, want %.4f", tt.temperature, tt.topP, i, counts[i]/draws, p)
			}
		}
	}
}

// TestSampleNucleusOfMany compares the nucleus of a large vocabulary with that of
// all tokens sorted.
func TestSampleNucleusOfMany(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	logits := make([]float32, 5000)
	for i := range logits {
		logits[i] = float32(3 * r.NormFloat64())
	}
	for _, topP := range []float64{0.1, 0.5, 0.9, 0.999} {
		order := make([]int, len(logits))
		total := 0.0
		for i, l := range logits {
			order[i] = i
			total += math.Exp(float64(l))
		}
		slices.SortFunc(order, func(a, b int) int { return int(math.Copysign(1, float64(logits[b])-float64(logits[a]))) })
		in, sum := map[int32]bool{}, 0.0
		for _, i := range order {
			if sum >= topP*total {
				break
			}
			in[int32(i)] = true
			sum += math.Exp(float64(logits[i]))
		}
		s := sampler(t, 1, topP, 3)
		for range 200 {
			if token := s.Pick(logits); !in[token] {
				t.Fatalf("top_p %g: token %d is not among the %d most likely", topP, token, len(in))
			}
		}
		if len(s.order) == len(logits) {
			t.Error("everything was sorted")
		}
	}
}

func TestSampleIsDeterministic(t *testing.T) {
	logits := []float32{0.3, 0.1, 0.2, 0.25, 0.31}
	pick := func(seed uint64) (out []int32) {
		s := sampler(t, 1.3, 0.95, seed)
		for range 64 {
			out = append(out, s.Pick(logits))
		}
		return out
	}
	if !slices.Equal(pick(1), pick(1)) {
		t.Error("the same seed draws other tokens")
	}
	if slices.Equal(pick(1), pick(2)) {
		t.Error("another seed draws the same tokens")
	}
}

func TestSampleOddLogits(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, topP := range []float64{1, 0.5} {
		s := sampler(t, 1, topP, 1)
		if got := s.Pick([]float32{nan, inf, 2, -inf}); got != 2 {
			t.Errorf("drew %d of one finite logit", got)
		}
		if got := s.Pick([]float32{nan, -inf}); got != 0 {
			t.Errorf("drew %d of none", got)
		}
	}
	for _, bad := range [][2]float64{{0, 1}, {-1, 1}, {math.NaN(), 1}, {math.Inf(1), 1}, {1, 0}, {1, 1.1}, {1, math.NaN()}} {
		if _, err := NewSampler(bad[0], bad[1], 1); err == nil {
			t.Errorf("temperature %v, top_p %v is taken", bad[0], bad[1])
		}
	}
}
