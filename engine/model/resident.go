package model

import (
	"cmp"
	"fmt"

	"daybook/engine"
)

// resident keeps the whole base on the device, as it is packed in host memory.
type resident struct {
	shape     engine.Shape
	embedding engine.Weight
	layers    []*engine.Layer
	head      *engine.Head
	bytes     int64
}

// NewResident uploads w to be and returns a Source that lends it from there for
// good. A tied head shares the embedding's memory.
func NewResident(be engine.Backend, w *engine.HostWeights) (engine.Source, error) {
	if err := check(w); err != nil {
		return nil, fmt.Errorf("base: %w", err)
	}
	r := &resident{shape: w.Shape, head: &engine.Head{}}
	matrices, places := []engine.Matrix{w.Embedding}, []*engine.Weight{&r.embedding}
	add := func(m engine.Matrix, place *engine.Weight) {
		matrices, places = append(matrices, m), append(places, place)
	}
	for i := range w.Layers {
		l := &engine.Layer{Index: i}
		for p, m := range w.Layers[i].Proj {
			add(m, &l.Proj[p])
		}
		r.layers = append(r.layers, l)
	}
	if !w.Shape.TiedHead {
		add(w.Head, &r.head.Weight)
	}
	weights, err := newWeights(be, matrices)
	if err != nil {
		return nil, fmt.Errorf("base: %w", err)
	}
	for i, weight := range weights {
		*places[i] = weight
		r.bytes += weight.Bytes()
	}
	if w.Shape.TiedHead {
		r.head.Weight = r.embedding
	}
	return r, r.vectors(be, w)
}

// newWeights uploads matrices, together if be can.
func newWeights(be engine.Backend, matrices []engine.Matrix) ([]engine.Weight, error) {
	if packer, ok := be.(engine.Packer); ok {
		return packer.NewWeights(matrices)
	}
	weights := make([]engine.Weight, len(matrices))
	for i, m := range matrices {
		var err error
		if weights[i], err = be.NewWeight(m); err != nil {
			return nil, err
		}
	}
	return weights, nil
}

// vectors uploads all norms and biases in one arena.
func (r *resident) vectors(be engine.Backend, w *engine.HostWeights) error {
	p, values := r.plan(w)
	if _, err := p.allocate(be); err != nil {
		return fmt.Errorf("base: norms and biases: %w", err)
	}
	for i, v := range values {
		if err := be.Upload(*p.dst[i], v); err != nil {
			return fmt.Errorf("base: %s: %w", p.specs[i].Name, err)
		}
	}
	r.bytes += be.Size(p.specs)
	return nil
}

// plan lists the norms and biases of w, and their values.
func (r *resident) plan(w *engine.HostWeights) (p *plan, values [][]float32) {
	p = &plan{}
	add := func(dst *engine.Buffer, v []float32, name string, args ...any) {
		if v != nil {
			p.add(dst, engine.Float, len(v), name, args...)
			values = append(values, v)
		}
	}
	for i, l := range r.layers {
		host := &w.Layers[i]
		add(&l.AttentionNorm, host.AttentionNorm, "layer.%d.attention_norm", i)
		add(&l.MLPNorm, host.MLPNorm, "layer.%d.mlp_norm", i)
		add(&l.QNorm, host.QNorm, "layer.%d.q_norm", i)
		add(&l.KNorm, host.KNorm, "layer.%d.k_norm", i)
		for proj := range engine.NumProjections {
			add(&l.Bias[proj], host.Bias[proj], "layer.%d.%s.bias", i, proj)
		}
	}
	add(&r.head.Norm, w.Norm, "norm")
	return p, values
}

// BaseBytes returns what NewResident takes of a device for w, of whose matrices only
// dimensions and formats count; see engine.Planner.
func BaseBytes(be engine.Planner, w *engine.HostWeights) int64 {
	bytes := be.WeightBytes(w.Embedding)
	r := &resident{head: &engine.Head{}}
	for _, l := range w.Layers {
		for _, m := range l.Proj {
			bytes += be.WeightBytes(m)
		}
		r.layers = append(r.layers, &engine.Layer{})
	}
	if !w.Shape.TiedHead {
		bytes += be.WeightBytes(w.Head)
	}
	p, _ := r.plan(w)
	return bytes + be.Size(p.specs)
}

// check makes sure that every part of w has the shape that it claims.
func check(w *engine.HostWeights) error {
	s := w.Shape
	matrix := func(m engine.Matrix, rows, cols int, name string) error {
		if m.Rows != rows || m.Cols != cols {
			return fmt.Errorf("%s: shape (%d, %d), want (%d, %d)", name, m.Rows, m.Cols, rows, cols)
		}
		return nil
	}
	if len(w.Layers) != s.Layers {
		return fmt.Errorf("%d layers, want %d", len(w.Layers), s.Layers)
	}
	if err := matrix(w.Embedding, s.Vocab, s.Hidden, "embedding"); err != nil {
		return err
	}
	if !s.TiedHead {
		if err := matrix(w.Head, s.Vocab, s.Hidden, "head"); err != nil {
			return err
		}
	}
	if err := checkVector("norm", w.Norm, s.Hidden); err != nil {
		return err
	}
	for i := range w.Layers {
		l := &w.Layers[i]
		err := checkVectors(l, s)
		for p := range engine.NumProjections {
			rows, cols := p.Dims(s)
			err = cmp.Or(err, matrix(l.Proj[p], rows, cols, p.String()))
		}
		if err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
	}
	return nil
}

// checkVectors makes sure that l has the norms and biases of a model of shape s.
func checkVectors(l *engine.HostLayer, s engine.Shape) error {
	heads := 0
	if s.HeadNorm {
		heads = s.HeadDim
	}
	err := cmp.Or(
		checkVector("attention norm", l.AttentionNorm, s.Hidden), checkVector("mlp norm", l.MLPNorm, s.Hidden),
		checkVector("q norm", l.QNorm, heads), checkVector("k norm", l.KNorm, heads))
	for p := range engine.NumProjections {
		want := 0
		if p.HasBias(s) {
			want, _ = p.Dims(s)
		}
		err = cmp.Or(err, checkVector(p.String()+" bias", l.Bias[p], want))
	}
	return err
}

func checkVector(name string, v []float32, want int) error {
	if len(v) != want {
		return fmt.Errorf("%s: %d values, want %d", name, len(v), want)
	}
	return nil
}

func (r *resident) Shape() engine.Shape { return r.shape }

func (r *resident) AcquireEmbedding(engine.Pass) (engine.Weight, error) { return r.embedding, nil }

func (r *resident) ReleaseEmbedding() {}

func (r *resident) AcquireLayer(i int, _ engine.Pass) (*engine.Layer, error) { return r.layers[i], nil }

func (r *resident) ReleaseLayer(int) {}

func (r *resident) AcquireHead(engine.Pass) (*engine.Head, error) { return r.head, nil }

func (r *resident) ReleaseHead() {}

func (r *resident) Bytes() int64 { return r.bytes }
