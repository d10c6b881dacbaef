package model

import (
	"fmt"

	"daybook/engine"
)

// buffers is everything that a model of one shape and one set of options works
// in. T is Options.MaxTokens.
type buffers struct {
	// x holds the residual stream: before layer i in x[i] and after the last
	// layer in x[Layers] when training, since backward reads each layer's input;
	// a single buffer that every layer overwrites otherwise. With Options.HostInputs
	// layers take turns with two buffers, and inputs[i] has what x[i] was.
	x, inputs []engine.Buffer       // (T, Hidden) each
	act       []*engine.Activations // one a layer, which may share buffers, or a single one for all
	grad      engine.Gradients
	d         engine.Buffer   // (T, Hidden) gradient of the residual stream
	nll       []engine.Buffer // (T) Float, one for each micro-batch whose loss has not been read
	hit       engine.Buffer   // (T) Float
	fewX      engine.Buffer   // (T, Hidden); see narrow
	fewO      engine.Buffer   // (T, QDim)
	trained   *Adapter
}

// plan collects what to ask a backend for, and where each answer belongs.
type plan struct {
	specs []engine.BufferSpec
	dst   []*engine.Buffer
}

func (p *plan) add(dst *engine.Buffer, kind engine.Kind, length int, name string, args ...any) {
	p.specs = append(p.specs, engine.BufferSpec{Name: fmt.Sprintf(name, args...), Kind: kind, Len: length})
	p.dst = append(p.dst, dst)
}

// field is one activation of a block: a matrix of a row for every token.
type field struct {
	dst    *engine.Buffer
	name   string
	width  int
	beside string // name of an earlier field
}

// rows adds a matrix of t rows for every field that has a width.
func (p *plan) rows(t int, prefix string, fields []field) {
	for _, f := range fields {
		if f.width == 0 {
			continue
		}
		s := engine.BufferSpec{Name: prefix + f.name, Kind: engine.Activation, Len: t * f.width, Width: f.width}
		if f.beside != "" {
			s.Beside = prefix + f.beside
		}
		p.specs = append(p.specs, s)
		p.dst = append(p.dst, f.dst)
	}
}

// allocate asks be for everything in one arena, which it returns, too.
func (p *plan) allocate(be engine.Backend) (arena []engine.Buffer, err error) {
	arena, err = be.Allocate(p.specs)
	if err != nil {
		return nil, fmt.Errorf("arena of %d bytes: %w", be.Size(p.specs), err)
	}
	for i, b := range arena {
		*p.dst[i] = b
	}
	return arena, nil
}

// Plan returns the buffers that New allocates of be for the same arguments, in the
// same order and without allocating anything: what an estimate prints is what a
// run takes. Base weights, batches, key-value caches and optimizer state are
// their owners' and not part of it.
func Plan(be engine.Planner, s engine.Shape, o Options) []engine.BufferSpec {
	p, _ := layout(be, s, o)
	return p.specs
}

func layout(be engine.Planner, s engine.Shape, o Options) (*plan, *buffers) {
	p, b, t := &plan{}, &buffers{}, o.MaxTokens
	_, moves := be.(engine.RowMover)

	streams := 1
	switch {
	case o.Train && o.HostInputs:
		streams = 2
		b.inputs = make([]engine.Buffer, s.Layers)
		for i := range b.inputs {
			p.rows(t, "host.", []field{{&b.inputs[i], fmt.Sprintf("residual.%d", i), s.Hidden, ""}})
			p.specs[len(p.specs)-1].Host = true
		}
	case o.Train:
		streams = s.Layers + 1
	}
	b.x = make([]engine.Buffer, streams)
	for i := range b.x {
		p.rows(t, "", []field{{&b.x[i], fmt.Sprintf("residual.%d", i), s.Hidden, ""}})
	}
	b.act = p.layers(s, o)
	b.nll = make([]engine.Buffer, max(1, o.Accumulate))
	for i := range b.nll {
		p.add(&b.nll[i], engine.Float, t, "nll.%d", i)
	}
	p.add(&b.hit, engine.Float, t, "hit")
	if moves {
		p.add(&b.fewX, engine.Activation, t*s.Hidden, "narrow.residual")
		p.add(&b.fewO, engine.Activation, t*s.QDim(), "narrow.o")
	}

	if o.Train {
		p.rows(t, "", []field{{&b.d, "gradient.residual", s.Hidden, ""}})
		p.gradients(&b.grad, s, o)
		b.trained = p.adapter(s, *o.LoRA, true)
	}
	return p, b
}

// layers plans the activations of every layer, or one set for all if nothing of
// them is kept. With selective checkpointing the first layer's set is whole, and
// share completes the others.
func (p *plan) layers(s engine.Shape, o Options) []*engine.Activations {
	n := s.Layers
	if !o.Train || o.Checkpointing == engine.CheckpointFull {
		n = 1
	}
	sets := make([]*engine.Activations, n)
	for i := range sets {
		sets[i] = &engine.Activations{}
		prefix := fmt.Sprintf("activations.%d.", i)
		p.attention(sets[i], s, o, prefix)
		if i == 0 || o.Checkpointing != engine.CheckpointSelective {
			p.recomputed(sets[i], s, o, prefix)
		}
	}
	return sets
}

// share lends the first layer's buffers to layers that have none of their own for
// what is computed again.
func (b *buffers) share() {
	one := b.act[0]
	for _, a := range b.act[1:] {
		if a.Norm1 != nil {
			continue
		}
		a.Norm1, a.Norm2, a.Gate, a.Up, a.Down = one.Norm1, one.Norm2, one.Gate, one.Up, one.Down
		for _, in := range []engine.Input{engine.AttentionInput, engine.MLPInput, engine.DownInput} {
			a.Low[in] = one.Low[in]
		}
	}
}

// attention plans what attention reads and makes, and the residual stream behind it.
func (p *plan) attention(a *engine.Activations, s engine.Shape, o Options, prefix string) {
	low := o.lowWidths()
	rawQ, rawK, besideV := 0, 0, "k"
	if s.HeadNorm { // what is one product is not yet normalised
		rawQ, rawK, besideV = s.QDim(), s.KVDim(), "k.raw"
	}
	p.rows(o.MaxTokens, prefix, []field{
		{&a.RawQ, "q.raw", rawQ, ""},
		{&a.RawK, "k.raw", rawK, "q.raw"},
		{&a.Q, "q", s.QDim(), ""},
		{&a.K, "k", s.KVDim(), "q"},
		{&a.V, "v", s.KVDim(), besideV},
		{&a.O, "o", s.QDim(), ""},
		{&a.Low[engine.OutputInput], "o.low", low[engine.OutputInput], "o"},
		{&a.Mid, "mid", s.Hidden, ""},
	})
	p.add(&a.LSE, engine.Float, s.Heads*o.MaxTokens, "%slse", prefix)
}

// recomputed plans the rest of a layer, which selective checkpointing computes again.
func (p *plan) recomputed(a *engine.Activations, s engine.Shape, o Options, prefix string) {
	low := o.lowWidths()
	p.rows(o.MaxTokens, prefix, []field{
		{&a.Norm1, "norm1", s.Hidden, ""},
		{&a.Low[engine.AttentionInput], "norm1.low", low[engine.AttentionInput], "norm1"},
		{&a.Norm2, "norm2", s.Hidden, ""},
		{&a.Low[engine.MLPInput], "norm2.low", low[engine.MLPInput], "norm2"},
		{&a.Gate, "gate", s.Intermediate, ""},
		{&a.Up, "up", s.Intermediate, "gate"},
		{&a.Down, "down", s.Intermediate, ""},
		{&a.Low[engine.DownInput], "down.low", low[engine.DownInput], "down"},
	})
}

func (p *plan) gradients(g *engine.Gradients, s engine.Shape, o Options) {
	low := o.lowWidths()
	p.rows(o.MaxTokens, "gradient.", []field{
		{&g.Q, "q", s.QDim(), ""},
		{&g.K, "k", s.KVDim(), "q"},
		{&g.V, "v", s.KVDim(), "k"},
		{&g.O, "o", s.QDim(), ""},
		{&g.OLow, "o.low", low[engine.OutputInput], "o"},
		{&g.Gate, "gate", s.Intermediate, ""},
		{&g.Up, "up", s.Intermediate, "gate"},
		{&g.Down, "down", s.Intermediate, ""},
		{&g.DownLow, "down.low", low[engine.DownInput], "down"},
		{&g.Norm, "norm", s.Hidden, ""},
		{&g.NormLow, "norm.low", max(low[engine.AttentionInput], low[engine.MLPInput]), "norm"},
	})
}

// lowWidths returns, for each input, the sum of the ranks of the adapters that read it.
func (o Options) lowWidths() (w [engine.NumInputs]int) {
	if o.LoRA != nil {
		for _, p := range o.LoRA.Targets {
			w[p.Input()] += o.LoRA.Rank
		}
	}
	return w
}

// adapter plans the pairs of l, with gradients if train.
func (p *plan) adapter(s engine.Shape, l engine.LoRA, train bool) *Adapter {
	a := &Adapter{lora: l, shape: s, layers: make([][engine.NumProjections]*engine.Adapter, s.Layers)}
	for i := range a.layers {
		for _, proj := range l.Targets {
			rows, cols := proj.Dims(s)
			pair := &engine.Adapter{Rank: l.Rank, Scale: l.Scale()}
			a.layers[i][proj] = pair
			p.add(&pair.A, engine.Float, l.Rank*cols, "adapter.%d.%s.A", i, proj)
			p.add(&pair.B, engine.Float, rows*l.Rank, "adapter.%d.%s.B", i, proj)
			if train {
				p.add(&pair.GradA, engine.Float, l.Rank*cols, "gradient.%d.%s.A", i, proj)
				p.add(&pair.GradB, engine.Float, rows*l.Rank, "gradient.%d.%s.B", i, proj)
			}
		}
	}
	return a
}
