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
	l.gateUp(b, act)
	act.Down = SwiGLU(act.Gate, act.Up)
	mask := Mask(b, l.Dropout, l.Index, engine.DownInput, s.Intermediate)
	act.dropoutMask[engine.DownInput] = mask
	act.Y, act.Low[engine.Down] = l.Proj[engine.Down].Forward(act.Down, mask)
	for i, v := range act.Mid {
		act.Y[i] += v
	}
}

// GateUp returns Gate and Up of a normalised input.
func (l *Layer) GateUp(b *engine.Batch, norm []float64) (gate, up []float64) {
	act := &Activations{Norm2: norm}
	l.gateUp(b, act)
	return act.Gate, act.Up
}

// gateUp sets Gate and Up from Norm2.
func (l *Layer) gateUp(b *engine.Batch, act *Activations) {
	mask := Mask(b, l.Dropout, l.Index, engine.MLPInput, l.Shape.Hidden)
	act.dropoutMask[engine.MLPInput] = mask
	act.Gate, act.Low[engine.Gate] = l.Proj[engine.Gate].Forward(act.Norm2, mask)
	act.Up, act.Low[engine.Up] = l.Proj[engine.Up].Forward(act.Norm2, mask)
}

// SwiGLU returns silu(gate)*up.
func SwiGLU(gate, up []float64) []float64 {
	y := make([]float64, len(gate))
	for i, g := range gate {
		y[i] = g * sigmoid(g) * up[i]
	}
	return y
}

// SwiGLUBackward returns the gradients of gate and up, given that of silu(gate)*up.
func SwiGLUBackward(gate, up, dy []float64) (dgate, dup []float64) {
	dgate, dup = make([]float64, len(gate)), make([]float64, len(up))
	for i, g := range gate {
		sig := sigmoid(g)
		dup[i] = dy[i] * g * sig
		dgate[i] = dy[i] * up[i] * sig * (1 + g*(1-sig))
	}
	return dgate, dup
}

// MLPBackward returns the gradient of Mid, given that of Y.
func (l *Layer) MLPBackward(_ *engine.Batch, act *Activations, dy []float64) []float64 {
	ddown := make([]float64, len(act.Down))
	l.Proj[engine.Down].Backward(act.Down, act.dropoutMask[engine.DownInput], act.Low[engine.Down], dy, ddown)
	dgate, dup := SwiGLUBackward(act.Gate, act.Up, ddown)
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
