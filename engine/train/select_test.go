package train

import (
	"math"
	"testing"

	"daybook/engine"
)

func TestBetter(t *testing.T) {
	nan := math.NaN()
	tests := []struct {
		metric string
		a, b   float64
		want   bool
	}{
		{"loss", 1, 2, true},
		{"loss", 2, 1, false},
		{"loss", 1, 1, false},
		{"perplexity", 1, 2, true},
		{"invented(medications)", 0.1, 0.2, true},
		{"field_f1(medications)", 0.1, 0.2, false},
		{"field_f1(medications)", 0.2, 0.1, true},
		{"json_valid", 1, 0, true},
		{"loss", nan, 1, false},
		{"loss", 1, nan, true},
		{"loss", nan, nan, false},
		{"loss", math.Inf(1), math.Inf(1), false},
		{"loss", 3, math.Inf(1), true},
	}
	for _, tt := range tests {
		if got := Better(tt.metric, tt.a, tt.b); got != tt.want {
			t.Errorf("Better(%s, %v, %v) = %v", tt.metric, tt.a, tt.b, got)
		}
	}
}

func TestCloseChoosesAndCountsPatience(t *testing.T) {
	tests := []struct {
		name   string
		values []float64
		delta  float64
		best   int
		stale  int
	}{
		{"falling", []float64{3, 2, 1}, 0, 3, 0},
		{"rising", []float64{1, 2, 3}, 0, 1, 2},
		{"tie stays early", []float64{2, 1, 1}, 0, 2, 1},
		{"too small a gain is the best but stale", []float64{2, 1.95, 1.9}, 0.1, 3, 2},
		{"not computable", []float64{math.NaN(), 2, math.NaN()}, 0, 2, 1},
		{"never computable", []float64{math.NaN(), math.NaN()}, 0, 1, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := state{Epoch: 1}
			for _, v := range tt.values {
				h := epochState{Epoch: s.Epoch, Metrics: toNumbers(map[string]float64{"loss": v})}
				s.close(h, engine.Training{Select: "loss", MinDelta: tt.delta})
			}
			if s.Best != tt.best || s.Stale != tt.stale {
				t.Errorf("best %d, stale %d; want %d, %d", s.Best, s.Stale, tt.best, tt.stale)
			}
		})
	}
}
