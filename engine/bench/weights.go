package bench

import (
	"fmt"
	"math/rand/v2"

	"daybook/engine"
	"daybook/engine/nf4"
)

// deviation is that of the synthetic weights.
const deviation = 0.02

// blockLen is how many values are drawn; a multiple of the 64*256 weights that
// share a second-level scale, and large enough that no cache holds the block.
const blockLen = 1 << 22

// weights returns a base whose layers share their host memory. quantization is
// "nf4" or "none", which is bfloat16.
func weights(s engine.Shape, quantization string) (*engine.HostWeights, error) {
	r := rand.New(rand.NewPCG(1, 2))
	values := make([]float32, blockLen)
	for i := range values {
		values[i] = float32(deviation * r.NormFloat64())
	}
	half := make([]uint16, len(values))
	for i, v := range values {
		half[i] = engine.BFloat16(v)
	}
	packed := nf4.Quantize(values, true)

	matrix := func(rows, cols int) engine.Matrix {
		return engine.Matrix{Rows: rows, Cols: cols, BF16: repeat(half, rows*cols)}
	}
	projection := matrix
	switch quantization {
	case "none":
	case "nf4":
		projection = func(rows, cols int) engine.Matrix {
			n := rows * cols
			blocks := n / nf4.BlockSize
			return engine.Matrix{Rows: rows, Cols: cols, NF4: &engine.NF4{
				Codes: repeat(packed.Codes, n/2), Scales: repeat(packed.Scales, blocks), Offset: packed.Offset,
				Scales2: repeat(packed.Scales2, (blocks+nf4.ScaleGroupSize-1)/nf4.ScaleGroupSize),
			}}
		}
	default:
		return nil, fmt.Errorf("quantization %q: want nf4 or none", quantization)
	}
	norm := repeat([]float32{1}, s.Hidden)
	layer := engine.HostLayer{AttentionNorm: norm, MLPNorm: norm}
	if s.HeadNorm {
		layer.QNorm = repeat(norm, s.HeadDim)
		layer.KNorm = layer.QNorm
	}
	for p := range engine.NumProjections {
		rows, cols := p.Dims(s)
		layer.Proj[p] = projection(rows, cols)
		if p.HasBias(s) {
			layer.Bias[p] = make([]float32, rows)
		}
	}
	w := &engine.HostWeights{Shape: s, Embedding: matrix(s.Vocab, s.Hidden), Norm: norm}
	for range s.Layers {
		w.Layers = append(w.Layers, layer)
	}
	if !s.TiedHead {
		w.Head = matrix(s.Vocab, s.Hidden)
	}
	return w, nil
}

// repeat returns n elements of block, over and over.
func repeat[T any](block []T, n int) []T {
	out := make([]T, n)
	for i := 0; i < n; {
		i += copy(out[i:], block)
	}
	return out
}
