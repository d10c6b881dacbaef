package engine

import (
	"fmt"
	"math"
)

// HostAdapter is a LoRA adapter in host memory.
type HostAdapter struct {
	LoRA   LoRA
	Layers []HostAdapterLayer
}

// HostAdapterLayer holds one layer's pairs; nil where a projection is not adapted.
type HostAdapterLayer struct {
	A [NumProjections][]float32 // (Rank, in)
	B [NumProjections][]float32 // (out, Rank)
}

// Scale returns the factor of B A x: Alpha/Rank, or Alpha/sqrt(Rank) for rsLoRA
// (Kalajdzievski 2023).
func (l LoRA) Scale() float32 {
	if l.RSLoRA {
		return float32(l.Alpha / math.Sqrt(float64(l.Rank)))
	}
	return float32(l.Alpha / float64(l.Rank))
}

// Parameters returns the number of trainable parameters that l adds to s.
func (l LoRA) Parameters(s Shape) int {
	n := 0
	for _, p := range l.Targets {
		rows, cols := p.Dims(s)
		n += s.Layers * l.Rank * (rows + cols)
	}
	return n
}

// NewHostAdapter initialises an adapter as PEFT does: A uniform in
// ±1/sqrt(in), B zero, drawn from seed by layer and projection so that one
// target's values don't depend on which others there are.
func NewHostAdapter(s Shape, l LoRA, seed uint64) *HostAdapter {
	a := &HostAdapter{LoRA: l, Layers: make([]HostAdapterLayer, s.Layers)}
	for i := range a.Layers {
		for _, p := range l.Targets {
			rows, cols := p.Dims(s)
			r := NewRandom(StreamLoRAInit, seed, uint64(i), uint64(p))
			bound := 1 / math.Sqrt(float64(cols))
			w := make([]float32, l.Rank*cols)
			for j := range w {
				w[j] = float32((2*r.Float64() - 1) * bound)
			}
			a.Layers[i].A[p] = w
			a.Layers[i].B[p] = make([]float32, rows*l.Rank)
		}
	}
	return a
}

// ParameterName returns PEFT's name for one half of an adapter pair, half being
// "A" or "B", such as
// "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight".
func ParameterName(layer int, p Projection, half string) string {
	return fmt.Sprintf("base_model.model.model.layers.%d.%s.%s.lora_%s.weight", layer, p.Module(), p, half)
}
