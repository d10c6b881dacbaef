package reference

import (
	"math"

	"daybook/engine"
)

// Rotate applies RoPE in place (Su et al. 2021, eq. 34) to x (T, heads, HeadDim)
// in the layout of Hugging Face: channel i is paired with i+HeadDim/2 and turns
// by position times InverseFrequencies()[i]. Direction is 1, or -1 to undo it, which is
// also its gradient, as a rotation's transpose is its inverse.
func Rotate(s engine.Shape, b *engine.Batch, x []float64, heads int, direction float64) {
	half, inverse := s.HeadDim/2, s.InverseFrequencies()
	for t, position := range b.Positions {
		for h := range heads {
			v := x[(t*heads+h)*s.HeadDim:][:s.HeadDim]
			for i := range half {
				angle := direction * float64(position) * inverse[i]
				sin, cos := math.Sincos(angle)
				v[i], v[i+half] = v[i]*cos-v[i+half]*sin, v[i]*sin+v[i+half]*cos
			}
		}
	}
}
