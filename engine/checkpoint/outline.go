package checkpoint

import "daybook/engine"

// Outline returns what Load returns for q as far as it is known without reading
// weights: matrices have their dimensions and formats but no elements, and norms
// and biases are zero.
func (b *Base) Outline(q Quantization) (*engine.HostWeights, error) {
	if err := b.Holds(q); err != nil {
		return nil, err
	}
	s := b.shape
	matrix := func(name string, rows, cols int) engine.Matrix {
		if b.formats[name] == BF16 {
			return engine.Matrix{Rows: rows, Cols: cols, BF16: []uint16{}}
		}
		return engine.Matrix{Rows: rows, Cols: cols, F32: []float32{}}
	}
	h := &engine.HostWeights{
		Shape: s, Embedding: matrix(embeddingName, s.Vocab, s.Hidden), Norm: make([]float32, s.Hidden), Layers: make([]engine.HostLayer, s.Layers),
	}
	if !s.TiedHead {
		h.Head = matrix(headName, s.Vocab, s.Hidden)
	}
	for i := range h.Layers {
		l := &h.Layers[i]
		l.AttentionNorm, l.MLPNorm = make([]float32, s.Hidden), make([]float32, s.Hidden)
		if s.HeadNorm {
			l.QNorm, l.KNorm = make([]float32, s.HeadDim), make([]float32, s.HeadDim)
		}
		for p := range engine.NumProjections {
			rows, cols := p.Dims(s)
			if p.HasBias(s) {
				l.Bias[p] = make([]float32, rows)
			}
			if q.Kind == "none" {
				l.Proj[p] = matrix(projectionTensor(i, p), rows, cols)
				continue
			}
			packed := &engine.NF4{}
			if !q.DoubleQuant {
				packed.Absmax = []float32{}
			}
			l.Proj[p] = engine.Matrix{Rows: rows, Cols: cols, NF4: packed}
		}
	}
	return h, nil
}
