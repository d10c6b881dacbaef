package bench

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"daybook/engine"
	"daybook/engine/device"
	"daybook/engine/model"
)

// rig holds the operands of one layer's operations, filled with random values.
type rig struct {
	be    engine.Backend
	seen  *watch
	batch engine.DeviceBatch
	block *engine.Block
	x, d  engine.Buffer
	act   *engine.Activations
	grad  *engine.Gradients
}

// newRig opens a backend of d and fills the operands whose names only picks, nil
// all, by the names of model.Plan.
func newRig(d device.Device, limits device.Options, s engine.Shape, o OperationOptions, quantization string, only func(name string) bool) (*rig, error) {
	if o.Tokens < 1 || o.Length < 1 || o.Tokens%o.Length != 0 || o.Length > s.MaxPositions {
		return nil, fmt.Errorf("%d tokens in documents of %d: want whole documents of 1 to %d tokens", o.Tokens, o.Length, s.MaxPositions)
	}
	s.Layers = 1
	be, err := d.Open(s, limits)
	if err != nil {
		return nil, err
	}
	g := &rig{be: be, seen: newWatch(be)}
	if err := g.fill(s, o, quantization, only); err != nil {
		g.close()
		return nil, err
	}
	return g, nil
}

// close gives the device back; what failed before says more than an error of its own.
func (g *rig) close() {
	g.seen.stop()
	_ = g.be.Close()
}

// fill allocates what a model of one layer does, by the same plan.
func (g *rig) fill(s engine.Shape, o OperationOptions, quantization string, only func(name string) bool) error {
	l := lora(16, 0)
	w, err := weights(s, quantization)
	if err != nil {
		return err
	}
	source, err := model.NewResident(g.be, w)
	if err != nil {
		return err
	}
	specs := model.Plan(g.be, s, model.Options{MaxTokens: o.Tokens, MaxDocuments: o.Tokens / o.Length, Train: true, LoRA: &l})
	buffers, err := g.be.Allocate(specs)
	if err != nil {
		return err
	}
	named := map[string]engine.Buffer{}
	r := rand.New(rand.NewPCG(7, 8))
	values := make([]float32, blockLen)
	for i := range values {
		values[i] = float32(r.NormFloat64())
	}
	for i, b := range buffers {
		named[specs[i].Name] = b
		if specs[i].Kind == engine.Activation && (only == nil || only(specs[i].Name)) {
			if err := g.be.Upload(b, repeat(values, b.Len())); err != nil {
				return err
			}
		}
	}
	g.name(named)
	layer, err := source.AcquireLayer(0, engine.Forward)
	if err != nil {
		return err
	}
	g.block = &engine.Block{Layer: layer}
	for p, h := range adapter(s, l).Layers[0].A {
		of := func(kind, half string) engine.Buffer {
			return named[fmt.Sprintf("%s.0.%s.%s", kind, engine.Projection(p), half)]
		}
		a := &engine.Adapter{
			Rank: l.Rank, Scale: l.Scale(), A: of("adapter", "A"), B: of("adapter", "B"),
			GradA: of("gradient", "A"), GradB: of("gradient", "B"),
		}
		g.block.Adapters[p] = a
		if err := errors.Join(g.be.Upload(a.A, h), g.be.Upload(a.B, adapter(s, l).Layers[0].B[p])); err != nil {
			return err
		}
	}
	if g.batch, err = g.be.NewBatch(o.Tokens, o.Tokens/o.Length); err != nil {
		return err
	}
	if err := g.batch.Load(uniform(s, o.Tokens/o.Length, o.Length)); err != nil {
		return err
	}
	// Backward reads what forward leaves.
	return errors.Join(g.attention(), g.be.Sync())
}

// name finds a layer's operands among buffers by the names of model.Plan.
func (g *rig) name(named map[string]engine.Buffer) {
	act := func(name string) engine.Buffer { return named["activations.0."+name] }
	grad := func(name string) engine.Buffer { return named["gradient."+name] }
	g.x, g.d = named["residual.0"], named["gradient.residual"]
	g.act = &engine.Activations{
		Norm1: act("norm1"), Q: act("q"), K: act("k"), V: act("v"), LSE: act("lse"), O: act("o"), Mid: act("mid"),
		Norm2: act("norm2"), Gate: act("gate"), Up: act("up"), Down: act("down"),
		Low: [engine.NumInputs]engine.Buffer{act("norm1.low"), act("o.low"), act("norm2.low"), act("down.low")},
	}
	g.grad = &engine.Gradients{
		Q: grad("q"), K: grad("k"), V: grad("v"), O: grad("o"), Gate: grad("gate"), Up: grad("up"), Down: grad("down"), Norm: grad("norm"),
		NormLow: grad("norm.low"), OLow: grad("o.low"), DownLow: grad("down.low"),
	}
}

func (g *rig) attention() error { return g.be.Attention(g.batch, g.act) }

// projections runs a layer forward and backward, without attention. Each
// operation is itself; that values grow from call to call costs no time.
func (g *rig) projections() error {
	y := g.x
	for _, run := range []func() error{
		func() error { return g.be.QKV(g.batch, g.block, g.x, g.act) },
		func() error { return g.be.Output(g.batch, g.block, g.x, g.act) },
		func() error { return g.be.MLP(g.batch, g.block, g.act, y) },
		func() error { return g.be.MLPBackward(g.batch, g.block, g.act, g.grad, g.d) },
		func() error { return g.be.OutputBackward(g.batch, g.block, g.act, g.grad, g.d) },
		func() error { return g.be.QKVBackward(g.batch, g.block, g.x, g.act, g.grad, g.d) },
	} {
		if err := run(); err != nil {
			return err
		}
	}
	return nil
}
