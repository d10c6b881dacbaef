// Package modeltest makes tiny random models, adapters and examples, and a
// Source that is as unforgiving as streaming can be, for the tests of the
// packages that run models.
package modeltest

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"daybook/engine"
	"daybook/engine/nf4"
)

// Shape returns a model of about 100,000 parameters with grouped queries. With a
// LoRA of rank 32 its widest pairs have the 4,096 elements from which 8-bit
// optimizer state starts.
func Shape() engine.Shape {
	return engine.Shape{
		Vocab: 96, Hidden: 64, Layers: 3, Heads: 4, KVHeads: 2, HeadDim: 16, Intermediate: 128,
		RopeTheta: 10000, NormEps: 1e-5, MaxPositions: 128,
	}
}

// AllLinear lists all projections.
func AllLinear() []engine.Projection {
	var all []engine.Projection
	for p := range engine.NumProjections {
		all = append(all, p)
	}
	return all
}

// uniform returns n values in ±bound.
func uniform(r *engine.Random, n int, bound float64) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32((2*r.Float64() - 1) * bound)
	}
	return out
}

// Weights returns a random base of shape s, its projections packed as
// double-quantized NF4 if quantized.
func Weights(s engine.Shape, seed uint64, quantized bool) *engine.HostWeights {
	r := engine.NewRandom(0x7e57, seed)
	matrix := func(rows, cols int, quantize bool) engine.Matrix {
		w := uniform(r, rows*cols, math.Sqrt(3/float64(cols)))
		if quantize {
			return engine.Matrix{Rows: rows, Cols: cols, NF4: nf4.Quantize(w, true)}
		}
		return engine.Matrix{Rows: rows, Cols: cols, F32: w}
	}
	norm := func(n int) []float32 {
		w := uniform(r, n, 0.2)
		for i := range w {
			w[i]++
		}
		return w
	}
	w := &engine.HostWeights{Shape: s, Embedding: matrix(s.Vocab, s.Hidden, false), Norm: norm(s.Hidden)}
	for range s.Layers {
		l := engine.HostLayer{AttentionNorm: norm(s.Hidden), MLPNorm: norm(s.Hidden)}
		for p := range engine.NumProjections {
			rows, cols := p.Dims(s)
			l.Proj[p] = matrix(rows, cols, quantized)
			if p.HasBias(s) {
				l.Bias[p] = uniform(r, rows, 0.5)
			}
		}
		if s.HeadNorm {
			l.QNorm, l.KNorm = norm(s.HeadDim), norm(s.HeadDim)
		}
		w.Layers = append(w.Layers, l)
	}
	if !s.TiedHead {
		w.Head = matrix(s.Vocab, s.Hidden, false)
	}
	return w
}

// Adapter returns an adapter of which both halves are random, so that every
// gradient matters.
func Adapter(s engine.Shape, l engine.LoRA, seed uint64) *engine.HostAdapter {
	a := engine.NewHostAdapter(s, l, seed)
	for i := range a.Layers {
		for p := range engine.NumProjections {
			b := a.Layers[i].B[p]
			copy(b, uniform(engine.NewRandom(0xb, seed, uint64(i), uint64(p)), len(b), 0.1))
		}
	}
	return a
}

// Examples returns n examples of minLen to maxLen random tokens, of which the
// last two thirds are targets.
func Examples(s engine.Shape, seed uint64, n, minLen, maxLen int) []engine.Example {
	r := engine.NewRandom(0xe, seed)
	out := make([]engine.Example, n)
	for i := range out {
		length := minLen + r.IntN(maxLen-minLen+1)
		e := engine.Example{Record: i, Tokens: make([]int32, length), Targets: make([]int32, length)}
		for t := range e.Tokens {
			e.Tokens[t] = int32(r.IntN(s.Vocab))
		}
		for t := range e.Targets {
			e.Targets[t] = engine.Ignore
			if t >= length/3 && t+1 < length {
				e.Targets[t] = e.Tokens[t+1]
			}
		}
		out[i] = Identify(e)
	}
	return out
}

// Identify fills in the ID of e.
func Identify(e engine.Example) engine.Example {
	h := sha256.New()
	for _, list := range [][]int32{e.Tokens, e.Targets} {
		for _, t := range list {
			var b [4]byte
			binary.LittleEndian.PutUint32(b[:], uint32(t))
			h.Write(b[:])
		}
	}
	h.Sum(e.ID[:0])
	return e
}
