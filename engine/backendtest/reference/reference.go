// Package reference computes what a Backend computes, in float64, one plain
// loop after another: it is written to be read beside the equations, not to be
// fast. The backward operations are checked against finite differences of the
// forward ones, and the whole against transformers and PEFT, in its tests.
//
// Shapes are row-major; T is the number of tokens of a batch.
package reference

import (
	"math"

	"daybook/engine"
	"daybook/engine/nf4"
)

// Linear is y = W x + Bias + Scale * B A (mask * x).
type Linear struct {
	Rows, Cols int
	W          []float64 // (Rows, Cols)
	Bias       []float64 // (Rows), nil where there is none
	LoRA       *LoRA     // nil where the projection is not adapted
}

// LoRA is an adapter pair; backward operations add to its gradients.
type LoRA struct {
	Rank     int
	Scale    float64
	A, GradA []float64 // (Rank, Cols)
	B, GradB []float64 // (Rows, Rank)
}

// Layer is one decoder layer.
type Layer struct {
	Shape         engine.Shape
	Index         int
	AttentionNorm []float64 // (Hidden)
	MLPNorm       []float64 // (Hidden)
	QNorm, KNorm  []float64 // (HeadDim) with Shape.HeadNorm
	Proj          [engine.NumProjections]Linear
	Dropout       engine.Dropout
}

// Activations are the intermediate values of one layer; engine.Activations
// says what each is.
type Activations struct {
	X           []float64 // (T, Hidden) input of the layer
	Norm1       []float64
	RawQ, RawK  []float64
	Q, K, V     []float64
	LSE         []float64 // (Heads, T)
	O, Mid      []float64
	Norm2       []float64
	Gate, Up    []float64
	Down        []float64
	Y           []float64 // (T, Hidden) output of the layer
	Low         [engine.NumProjections][]float64
	dropoutMask [engine.NumInputs][]float64
}

// Head is the final norm and the output projection.
type Head struct {
	Shape  engine.Shape
	Norm   []float64 // (Hidden)
	Weight []float64 // (Vocab, Hidden)
}

// Model is a whole decoder.
type Model struct {
	Shape     engine.Shape
	Embedding []float64 // (Vocab, Hidden)
	Layers    []*Layer
	Head      Head
}

// NewModel converts a base and an adapter, which may be nil.
func NewModel(w *engine.HostWeights, a *engine.HostAdapter, d engine.Dropout) *Model {
	s := w.Shape
	m := &Model{Shape: s, Embedding: Dense(w.Embedding)}
	head := w.Head
	if s.TiedHead {
		head = w.Embedding
	}
	m.Head = Head{s, Widen(w.Norm), Dense(head)}
	for i, host := range w.Layers {
		l := &Layer{Shape: s, Index: i, AttentionNorm: Widen(host.AttentionNorm), MLPNorm: Widen(host.MLPNorm), Dropout: d}
		l.QNorm, l.KNorm = Widen(host.QNorm), Widen(host.KNorm)
		for p := range engine.NumProjections {
			rows, cols := p.Dims(s)
			l.Proj[p] = Linear{Rows: rows, Cols: cols, W: Dense(host.Proj[p]), Bias: Widen(host.Bias[p])}
			if a != nil && a.Layers[i].A[p] != nil {
				l.Proj[p].LoRA = NewLoRA(a.LoRA.Rank, float64(a.LoRA.Scale()), a.Layers[i].A[p], a.Layers[i].B[p])
			}
		}
		m.Layers = append(m.Layers, l)
	}
	return m
}

// NewLoRA converts one pair, with zero gradients.
func NewLoRA(rank int, scale float64, a, b []float32) *LoRA {
	return &LoRA{
		Rank: rank, Scale: scale,
		A: Widen(a), GradA: make([]float64, len(a)),
		B: Widen(b), GradB: make([]float64, len(b)),
	}
}

// Dense returns the elements of m, dequantized if need be.
func Dense(m engine.Matrix) []float64 {
	switch {
	case m.NF4 != nil:
		w := make([]float32, m.Rows*m.Cols)
		nf4.Dequantize(w, m.NF4)
		return Widen(w)
	case m.BF16 != nil:
		w := make([]float64, len(m.BF16))
		for i, v := range m.BF16 {
			w[i] = float64(math.Float32frombits(uint32(v) << 16))
		}
		return w
	default:
		return Widen(m.F32)
	}
}

// Widen converts to float64.
func Widen(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}
