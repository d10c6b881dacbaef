package backendtest

import (
	"testing"

	"daybook/engine"
	"daybook/engine/backendtest/reference"
)

// model is a whole decoder on the device and in the reference.
type model struct {
	table  engine.Weight
	layers []*layer
	head   *engine.Head
	ref    *reference.Model
}

// model returns a random decoder whose adapters' gradients are zero.
func (g *rig) model(t *testing.T, c setting) *model {
	t.Helper()
	table := g.matrix(g.s.Vocab, g.s.Hidden, "float32")
	for i := range table.F32 {
		table.F32[i] *= 8 // embeddings are about as large as a normalised activation
	}
	m := &model{table: g.weight(t, table), ref: &reference.Model{Shape: g.s, Embedding: reference.Dense(table)}}
	for i := range g.s.Layers {
		l := g.layer(t, i, c)
		m.layers, m.ref.Layers = append(m.layers, l), append(m.ref.Layers, l.ref)
	}
	var head *reference.Head
	m.head, head = g.head(t, "float32")
	m.ref.Head = *head
	m.zeroGradients(t, g)
	return m
}

func (m *model) zeroGradients(t *testing.T, g *rig) {
	t.Helper()
	for _, l := range m.layers {
		for p, a := range l.block.Adapters {
			if a != nil {
				g.upload(t, a.GradA, make([]float32, a.GradA.Len()))
				g.upload(t, a.GradB, make([]float32, a.GradB.Len()))
				clear(l.ref.Proj[p].LoRA.GradA)
				clear(l.ref.Proj[p].LoRA.GradB)
			}
		}
	}
}

// gradients downloads the gradients of all adapters, in order.
func (m *model) gradients(t *testing.T, g *rig) (all []float32) {
	t.Helper()
	for _, l := range m.layers {
		for _, a := range l.block.Adapters {
			if a != nil {
				all = append(all, g.download(t, a.GradA)...)
				all = append(all, g.download(t, a.GradB)...)
			}
		}
	}
	return all
}

// buffers are what a training step needs for up to capacity tokens.
type buffers struct {
	x        []engine.Buffer // input of each layer, and of the head
	act      []*engine.Activations
	grad     *engine.Gradients
	d        engine.Buffer
	nll, hit engine.Buffer
}

func (m *model) buffers(t *testing.T, g *rig, capacity int) *buffers {
	t.Helper()
	r := ranks(&m.layers[0].block)
	b := &buffers{grad: g.gradients(t, capacity, r), d: g.poisoned(t, engine.Activation, capacity*g.s.Hidden)}
	b.nll, b.hit = g.poisoned(t, engine.Float, capacity), g.poisoned(t, engine.Float, capacity)
	for range m.layers {
		b.x = append(b.x, g.poisoned(t, engine.Activation, capacity*g.s.Hidden))
		b.act = append(b.act, g.activations(t, capacity, r))
	}
	b.x = append(b.x, g.poisoned(t, engine.Activation, capacity*g.s.Hidden))
	return b
}

// layerForward runs one layer from x to y.
func (m *model) layerForward(t *testing.T, g *rig, in engine.DeviceBatch, i int, x engine.Buffer, act *engine.Activations, y engine.Buffer) {
	t.Helper()
	block := &m.layers[i].block
	must(t, "qkv", g.be.QKV(in, block, x, act))
	must(t, "attention", g.be.Attention(in, act))
	must(t, "output", g.be.Output(in, block, x, act))
	must(t, "mlp", g.be.MLP(in, block, act, y))
}

// layerBackward turns d from the gradient of the layer's output into that of x.
func (m *model) layerBackward(t *testing.T, g *rig, in engine.DeviceBatch, i int, x engine.Buffer, act *engine.Activations, b *buffers) {
	t.Helper()
	block := &m.layers[i].block
	must(t, "mlp backward", g.be.MLPBackward(in, block, act, b.grad, b.d))
	must(t, "output backward", g.be.OutputBackward(in, block, act, b.grad, b.d))
	must(t, "attention backward", g.be.AttentionBackward(in, act, b.grad))
	must(t, "qkv backward", g.be.QKVBackward(in, block, x, act, b.grad, b.d))
}

// step runs forward and backward and leaves nll, hit and d in b.
func (m *model) step(t *testing.T, g *rig, in engine.DeviceBatch, b *buffers, scale float32) {
	t.Helper()
	must(t, "embed", g.be.Embed(in, m.table, b.x[0]))
	for i := range m.layers {
		m.layerForward(t, g, in, i, b.x[i], b.act[i], b.x[i+1])
	}
	must(t, "loss", g.be.Loss(in, m.head, b.x[len(m.layers)], scale, b.nll, b.hit, b.d))
	for i := len(m.layers) - 1; i >= 0; i-- {
		m.layerBackward(t, g, in, i, b.x[i], b.act[i], b)
	}
}

func targets(batches ...*engine.Batch) (n int) {
	for _, b := range batches {
		for _, target := range b.Targets {
			if target != engine.Ignore {
				n++
			}
		}
	}
	return n
}

// checkModel accumulates two micro-batches of different size in buffers larger
// than either and compares every gradient.
func checkModel(t *testing.T, g *rig) {
	for _, c := range settings[:4] {
		t.Run(c.name, func(t *testing.T) {
			m := g.model(t, c)
			window := []*engine.Batch{g.batch(4, 1, 11), g.batch(17, 2, 6, 1)}
			capacity := len(window[1].Tokens) + 3
			b := m.buffers(t, g, capacity)
			in, err := g.be.NewBatch(capacity, 5)
			must(t, "new batch", err)
			scale := 1 / float32(targets(window...))
			for _, batch := range window {
				must(t, "load", in.Load(batch))
				m.step(t, g, in, b, scale)
				nll, dx := m.ref.Step(batch, float64(scale))
				compare(t, "nll", g.get(t, b.nll), nll, g.tol.model)
				compare(t, "gradient of x", g.get(t, b.d), dx, g.tol.model)
			}
			for i, l := range m.layers {
				t.Logf("layer %d", i)
				l.compareGradients(t, g, g.tol.model, engine.Q, engine.K, engine.V, engine.O, engine.Gate, engine.Up, engine.Down)
			}
		})
	}
}

// checkRecompute keeps only the inputs of the layers and computes the
// activations again, in buffers that all layers share and that still hold
// another layer's: gradients must not change by a bit. MLP may write over x.
func checkRecompute(t *testing.T, g *rig) {
	m := g.model(t, settings[0])
	batch := g.batch(shortDocuments...)
	in, n := g.load(t, batch), len(batch.Tokens)
	b := m.buffers(t, g, n)
	m.step(t, g, in, b, 0.1)
	want, wantD := m.gradients(t, g), g.download(t, b.d)
	wantOut := g.download(t, b.x[len(m.layers)])

	m.zeroGradients(t, g)
	shared := g.activations(t, n, ranks(&m.layers[0].block))
	for _, x := range b.x[1:] {
		g.poison(t, x)
	}
	must(t, "embed", g.be.Embed(in, m.table, b.x[0]))
	for i := range m.layers {
		m.layerForward(t, g, in, i, b.x[i], shared, b.x[i+1])
	}
	must(t, "loss", g.be.Loss(in, m.head, b.x[len(m.layers)], 0.1, b.nll, b.hit, b.d))
	scratch := g.poisoned(t, engine.Activation, n*g.s.Hidden)
	for i := len(m.layers) - 1; i >= 0; i-- {
		m.layerForward(t, g, in, i, b.x[i], shared, scratch)
		m.layerBackward(t, g, in, i, b.x[i], shared, b)
	}
	same(t, "gradients with recomputed activations", m.gradients(t, g), want)
	same(t, "gradient of x with recomputed activations", g.download(t, b.d), wantD)

	x := b.x[0]
	for i := range m.layers {
		m.layerForward(t, g, in, i, x, shared, x)
	}
	same(t, "output computed in place", g.download(t, x), wantOut)
}
