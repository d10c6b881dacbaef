package engine

import (
	"strings"
	"testing"
)

func TestRopeScalingValidate(t *testing.T) {
	good := RopeScaling{Factor: 8, LowFreqFactor: 1, HighFreqFactor: 4, OriginalMaxPositions: 8192}
	for _, r := range []RopeScaling{{}, good} {
		if err := r.Validate(); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
	for want, change := range map[string]func(*RopeScaling){
		"factor":                           func(r *RopeScaling) { r.Factor = 0.5 },
		"low_freq_factor":                  func(r *RopeScaling) { r.LowFreqFactor = 0 },
		"high_freq_factor":                 func(r *RopeScaling) { r.HighFreqFactor = 1 },
		"original_max_position_embeddings": func(r *RopeScaling) { r.OriginalMaxPositions = 0 },
	} {
		r := good
		change(&r)
		if err := r.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: error %v, want one about %s", r, err, want)
		}
	}
}
