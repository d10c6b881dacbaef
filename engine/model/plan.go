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
	// a single buffer that every layer overwrites otherwise.
	x       []engine.Buffer       // (T, Hidden) each
	act     []*engine.Activations // one a layer, or a single shared one
	grad    engine.Gradients
	d       engine.Buffer   // (T, Hidden) gradient of the residual stream
	nll     []engine.Buffer // (T) Float, one for each micro-batch whose loss has not been read
	hit     engine.Buffer   // (T) Float
	fewX    engine.Buffer   // (T, Hidden); see narrow
	fewO    engine.Buffer   // (T, QDim)
	trained *Adapter
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

// Plan returns the buffers that New allocates for the same arguments, in the
// same order and without allocating anything: what an estimate prints is what a
// run takes. Base weights, batches, key-value caches and optimizer state are
// their owners' and not part of it.
func Plan(s engine.Shape, o Options) []engine.BufferSpec {
	p, _ := layout(s, o)
	return p.specs
}

func layout(s engine.Shape, o Options) (*plan, *buffers) {
	p, b, t := &plan{}, &buffers{}, o.MaxTokens

	streams, sets := 1, 1
	if o.Train {
		streams = s.Layers + 1
		if !o.Checkpointing {
			sets = s.Layers
		}
	}
	b.x = make([]engine.Buffer, streams)
	for i := range b.x {
		p.add(&b.x[i], engine.Activation, t*s.Hidden, "residual.%d", i)
	}
	for i := range sets {
		a := &engine.Activations{}
		b.act = append(b.act, a)
		p.activations(a, s, o, i)
	}
	b.nll = make([]engine.Buffer, max(1, o.Accumulate))
	for i := range b.nll {
		p.add(&b.nll[i], engine.Float, t, "nll.%d", i)
	}
	p.add(&b.hit, engine.Float, t, "hit")
	p.add(&b.fewX, engine.Activation, t*s.Hidden, "narrow.residual")
	p.add(&b.fewO, engine.Activation, t*s.QDim(), "narrow.o")

	if o.Train {
		p.add(&b.d, engine.Activation, t*s.Hidden, "gradient.residual")
		p.gradients(&b.grad, s, o)
		b.trained = p.adapter(s, *o.LoRA, true)
	}
	return p, b
}

func (p *plan) activations(a *engine.Activations, s engine.Shape, o Options, set int) {
	t := o.MaxTokens
	for _, f := range []struct {
		dst   *engine.Buffer
		name  string
		width int
	}{
		{&a.Norm1, "norm1", s.Hidden},
		{&a.Q, "q", s.QDim()},
		{&a.K, "k", s.KVDim()},
		{&a.V, "v", s.KVDim()},
		{&a.O, "o", s.QDim()},
		{&a.Mid, "mid", s.Hidden},
		{&a.Norm2, "norm2", s.Hidden},
		{&a.Gate, "gate", s.Intermediate},
		{&a.Up, "up", s.Intermediate},
		{&a.Down, "down", s.Intermediate},
	} {
		p.add(f.dst, engine.Activation, t*f.width, "activations.%d.%s", set, f.name)
	}
	p.add(&a.LSE, engine.Float, s.Heads*t, "activations.%d.lse", set)
	if o.LoRA == nil {
		return
	}
	for _, proj := range o.LoRA.Targets {
		p.add(&a.Low[proj], engine.Activation, t*o.LoRA.Rank, "activations.%d.%s.low", set, proj)
	}
}

func (p *plan) gradients(g *engine.Gradients, s engine.Shape, o Options) {
	t := o.MaxTokens
	for _, f := range []struct {
		dst   *engine.Buffer
		name  string
		width int
	}{
		{&g.Q, "q", s.QDim()},
		{&g.O, "o", s.QDim()},
		{&g.K, "k", s.KVDim()},
		{&g.V, "v", s.KVDim()},
		{&g.Gate, "gate", s.Intermediate},
		{&g.Up, "up", s.Intermediate},
		{&g.Down, "down", s.Intermediate},
		{&g.Norm, "norm", s.Hidden},
		{&g.Low, "low", o.LoRA.Rank},
	} {
		p.add(f.dst, engine.Activation, t*f.width, "gradient.%s", f.name)
	}
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
