package engine

import (
	"errors"
	"fmt"
	"math"
)

// RopeScaling lengthens the reach of rotary position embedding as Llama 3.1 does:
// pairs that turn slowly turn Factor times more slowly, those that turn fast stay
// as they are, and what lies between is blended. The zero value scales nothing.
type RopeScaling struct {
	Factor               float64 `json:"factor"`
	LowFreqFactor        float64 `json:"low_freq_factor"`  // turns within OriginalMaxPositions below which a pair is slow
	HighFreqFactor       float64 `json:"high_freq_factor"` // turns above which it is fast
	OriginalMaxPositions int     `json:"original_max_position_embeddings"`
}

// Validate returns an error that names the first field that nothing can be scaled by.
func (r RopeScaling) Validate() error {
	switch {
	case r == RopeScaling{}:
		return nil
	case r.Factor < 1:
		return fmt.Errorf("factor is %g: must be 1 or more", r.Factor)
	case r.LowFreqFactor <= 0:
		return fmt.Errorf("low_freq_factor is %g: must be positive", r.LowFreqFactor)
	case r.HighFreqFactor <= r.LowFreqFactor:
		return fmt.Errorf("high_freq_factor is %g: must be above low_freq_factor %g", r.HighFreqFactor, r.LowFreqFactor)
	case r.OriginalMaxPositions < 1:
		return errors.New("original_max_position_embeddings: must be positive")
	}
	return nil
}

// InverseFrequencies returns the angle in radians by which each pair of a head
// turns from one position to the next: theta^(-2i/HeadDim) for pair i of
// HeadDim/2 (Su et al. 2021, eq. 15), and that scaled.
func (s Shape) InverseFrequencies() []float64 {
	f := make([]float64, s.HeadDim/2)
	for i := range f {
		f[i] = s.RopeScaling.scale(math.Pow(s.RopeTheta, -2*float64(i)/float64(s.HeadDim)))
	}
	return f
}

// scale returns the angle that becomes of one without scaling: transformers'
// modeling_rope_utils.py, _compute_llama3_parameters, in float64.
func (r RopeScaling) scale(angle float64) float64 {
	if r == (RopeScaling{}) {
		return angle
	}
	turns := float64(r.OriginalMaxPositions) * angle / (2 * math.Pi)
	// Share of the angle that stays: 0 of what is slow, 1 of what is fast.
	stays := (turns - r.LowFreqFactor) / (r.HighFreqFactor - r.LowFreqFactor)
	stays = min(max(stays, 0), 1)
	return (1-stays)*angle/r.Factor + stays*angle
}
