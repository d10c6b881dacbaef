package reference

import (
	"math"

	"daybook/engine"
)

// MLP sets Norm2, Gate, Up, Down = silu(Gate)*Up and Y = Mid + down_proj(Down)
// (Shazeer 2020, eq. 6).
func (l *Layer) MLP(b *engine.Batch, act *Activations) {
	s := l.Shape
	act.Norm2 = RMSNorm(act.Mid, l.MLPNorm, s.NormEps)
	mask := Mask(b, l.Dropout, l.Index, engine.MLPInput, s.Hidden)
	act.dropoutMask[engine.MLPInput] = mask
	act.Gate, act.Low[engine.Gate] = l.Proj[engine.Gate].Forward(act.Norm2, mask)
	act.Up, act.Low[engine.Up] = l.Proj[engine.Up].Forward(act.Norm2, mask)
	act.Down = make([]float64, len(act.Gate))
	for i, g := range act.Gate {
		act.Down[i] = g * sigmoid(g) * act.Up[i]
	}
	mask = Mask(b, l.Dropout, l.Index, engine.DownInput, s.Intermediate)
	act.dropoutMask[engine.DownInput] = mask
	act.Y, act.Low[engine.Down] = l.Proj[engine.Down].Forward(act.Down, mask)
	for i, v := range act.Mid {
		act.Y[i] += v
	}
}

// MLPBackward returns the gradient of Mid, given that of Y.
func (l *Layer) MLPBackward(_ *engine.Batch, act *Activations, dy []float64) []float64 {
	ddown := make([]float64, len(act.Down))
	l.Proj[engine.Down].Backward(act.Down, act.dropoutMask[engine.DownInput], act.Low[engine.Down], dy, ddown)
	dgate, dup := make([]float64, len(act.Gate)), make([]float64, len(act.Up))
	for i, g := range act.Gate {
		sig := sigmoid(g)
		dup[i] = ddown[i] * g * sig
		dgate[i] = ddown[i] * act.Up[i] * sig * (1 + g*(1-sig))
	}
	mask := act.dropoutMask[engine.MLPInput]
	dnorm := make([]float64, len(act.Norm2))
	l.Proj[engine.Gate].Backward(act.Norm2, mask, act.Low[engine.Gate], dgate, dnorm)
	l.Proj[engine.Up].Backward(act.Norm2, mask, act.Low[engine.Up], dup, dnorm)
	dmid := RMSNormBackward(act.Mid, l.MLPNorm, l.Shape.NormEps, dnorm)
	for i, v := range dy {
		dmid[i] += v
	}
	return dmid
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
