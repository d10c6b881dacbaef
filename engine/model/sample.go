package model

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"daybook/engine"
)

// Sampler draws tokens from logits: a softmax at a temperature, of which only the
// most likely tokens are kept that together have a probability of at least TopP
// (Holtzman et al. 2020, nucleus sampling). The same seed and logits give the same
// tokens; logits of another backend differ in their last bits, and so may tokens.
type Sampler struct {
	temperature, topP float64
	random            *engine.Random
	p                 []float64
	order             []int32
}

// NewSampler returns a sampler. The temperature must be positive and finite, and
// topP in (0, 1], where 1 keeps all tokens.
func NewSampler(temperature, topP float64, seed uint64) (*Sampler, error) {
	if !(temperature > 0) || math.IsInf(temperature, 0) {
		return nil, fmt.Errorf("temperature %v: must be positive", temperature)
	}
	if !(topP > 0 && topP <= 1) {
		return nil, fmt.Errorf("top_p %v: must be in (0, 1]", topP)
	}
	return &Sampler{temperature: temperature, topP: topP, random: engine.NewRandom(engine.StreamSampling, seed)}, nil
}

// Pick draws a token. Logits that are not finite have no probability, unless none
// is: then the first is drawn.
func (s *Sampler) Pick(logits []float32) int32 {
	u := s.random.Float64() // one for every token, whatever it is
	most := math.Inf(-1)
	for _, l := range logits {
		if v := float64(l); v > most && !math.IsInf(v, 1) {
			most = v
		}
	}
	if math.IsInf(most, -1) {
		return 0
	}
	s.p = slices.Grow(s.p[:0], len(logits))[:len(logits)]
	total := 0.0
	for i, l := range logits {
		p := math.Exp((float64(l) - most) / s.temperature)
		if math.IsNaN(p) || math.IsInf(p, 1) {
			p = 0
		}
		s.p[i] = p
		total += p
	}
	if s.topP == 1 {
		return draw(u*total, len(s.p), func(i int) (int32, float64) { return int32(i), s.p[i] })
	}
	// All tokens below this together have less than 1-topP, so the nucleus is among
	// the others, which are few to sort.
	least := (1 - s.topP) * total / float64(len(s.p))
	s.order = s.order[:0]
	for i, p := range s.p {
		if p > 0 && p >= least {
			s.order = append(s.order, int32(i))
		}
	}
	slices.SortFunc(s.order, func(a, b int32) int { return cmp.Or(cmp.Compare(s.p[b], s.p[a]), cmp.Compare(a, b)) })
	kept, n := 0.0, 0
	for n < len(s.order) && (n == 0 || kept < s.topP*total) {
		kept += s.p[s.order[n]]
		n++
	}
	return draw(u*kept, n, func(i int) (int32, float64) { return s.order[i], s.p[s.order[i]] })
}

// draw returns the token of n at which the sum of probabilities passes x.
func draw(x float64, n int, at func(i int) (token int32, p float64)) int32 {
	last := int32(0)
	for i := range n {
		token, p := at(i)
		if p == 0 {
			continue
		}
		if last = token; x < p {
			break
		}
		x -= p
	}
	return last
}
