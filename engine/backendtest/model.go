package backendtest

import (
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
func (g *rig) model(c setting) *model {
	g.t.Helper()
	table := g.matrix(g.s.Vocab, g.s.Hidden, "float32")
	for i := range table.F32 {
		table.F32[i] *= 8 // embeddings are about as large as a normalised activation
	}
	m := &model{table: g.weight(table), ref: &reference.Model{Shape: g.s, Embedding: reference.Dense(table)}}
	for i := range g.s.Layers {
		l := g.layer(i, c)
		m.layers, m.ref.Layers = append(m.layers, l), append(m.ref.Layers, l.ref)
	}
	var head *reference.Head
	m.head, head = g.head("float32")
	m.ref.Head = *head
	m.zeroGradients(g)
	return m
}

func (m *model) zeroGradients(g *rig) {
	g.t.Helper()
	for _, l := range m.layers {
		for p, a := range l.block.Adapters {
			if a != nil {
				g.upload(a.GradA, make([]float32, a.GradA.Len()))
				g.upload(a.GradB, make([]float32, a.GradB.Len()))
				clear(l.ref.Proj[p].LoRA.GradA)
				clear(l.ref.Proj[p].LoRA.GradB)
			}
		}
	}
}

// gradients downloads the gradients of all adapters, in order.
func (m *model) gradients(g *rig) (all []float32) {
	g.t.Helper()
	for _, l := range m.layers {
		for _, a := range l.block.Adapters {
			if a != nil {
				all = append(all, g.download(a.GradA)...)
				all = append(all, g.download(a.GradB)...)
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

func (m *model) buffers(g *rig, capacity int) *buffers {
	g.t.Helper()
	r := ranks(&m.layers[0].block)
	b := &buffers{grad: g.gradients(capacity, r), d: g.poisoned(engine.Activation, capacity*g.s.Hidden)}
	b.nll, b.hit = g.poisoned(engine.Float, capacity), g.poisoned(engine.Float, capacity)
	for range m.layers {
		b.x = append(b.x, g.poisoned(engine.Activation, capacity*g.s.Hidden))
		b.act = append(b.act, g.activations(capacity, r))
	}
	b.x = append(b.x, g.poisoned(engine.Activation, capacity*g.s.Hidden))
	return b
}

// layerForward runs one layer from x to y.
func (m *model) layerForward(g *rig, in engine.DeviceBatch, i int, x engine.Buffer, act *engine.Activations, y engine.Buffer) {
	g.t.Helper()
	block := &m.layers[i].block
	g.must("qkv", g.be.QKV(in, block, x, act))
	g.must("attention", g.be.Attention(in, act))
	g.must("output", g.be.Output(in, block, x, act))
	g.must("mlp", g.be.MLP(in, block, act, y))
}

// layerBackward turns d from the gradient of the layer's output into that of x.
func (m *model) layerBackward(g *rig, in engine.DeviceBatch, i int, x engine.Buffer, act *engine.Activations, b *buffers) {
	g.t.Helper()
	block := &m.layers[i].block
	g.must("mlp backward", g.be.MLPBackward(in, block, act, b.grad, b.d))
	g.must("output backward", g.be.OutputBackward(in, block, act, b.grad, b.d))
	g.must("attention backward", g.be.AttentionBackward(in, act, b.grad))
	g.must("qkv backward", g.be.QKVBackward(in, block, x, act, b.grad, b.d))
}

// step runs forward and backward and leaves nll, hit and d in b.
func (m *model) step(g *rig, in engine.DeviceBatch, b *buffers, scale float32) {
	g.t.Helper()
	g.must("embed", g.be.Embed(in, m.table, b.x[0]))
	for i := range m.layers {
		m.layerForward(g, in, i, b.x[i], b.act[i], b.x[i+1])
	}
	g.must("loss", g.be.Loss(in, m.head, b.x[len(m.layers)], scale, b.nll, b.hit, b.d))
	for i := len(m.layers) - 1; i >= 0; i-- {
		m.layerBackward(g, in, i, b.x[i], b.act[i], b)
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
func checkModel(g *rig) {
	for _, c := range settings[:4] {
		g.run(c.name, func(g *rig) {
			m := g.model(c)
			window := []*engine.Batch{g.batch(4, 1, 11), g.batch(17, 2, 6, 1)}
			capacity := len(window[1].Tokens) + 3
			b := m.buffers(g, capacity)
			in, err := g.be.NewBatch(capacity, 5)
			g.must("new batch", err)
			scale := 1 / float32(targets(window...))
			for _, batch := range window {
				g.must("load", in.Load(batch))
				m.step(g, in, b, scale)
				nll, dx := m.ref.Step(batch, float64(scale))
				g.compare("nll", g.get(b.nll), nll, g.tol.model)
				g.compare("gradient of x", g.get(b.d), dx, g.tol.model)
			}
			for i, l := range m.layers {
				g.t.Logf("layer %d", i)
				l.compareGradients(g, g.tol.model, engine.Q, engine.K, engine.V, engine.O, engine.Gate, engine.Up, engine.Down)
			}
		})
	}
}

// checkOneToken runs a batch of a single token.
func checkOneToken(g *rig) {
	m := g.model(settings[0])
	batch := &engine.Batch{}
	batch.Add([]int32{3}, []int32{5}, g.r.Uint64())
	b := m.buffers(g, 1)
	m.step(g, g.load(batch), b, 1)
	nll, dx := m.ref.Step(batch, 1)
	g.compare("nll", g.get(b.nll), nll, g.tol.model)
	g.compare("gradient of x", g.get(b.d), dx, g.tol.model)
	for _, l := range m.layers {
		// The softmax over one key is constant: queries and keys have no gradient.
		// The others' hang on a few numbers, as many as the rank, whose rounding no
		// other token averages.
		l.compareGradients(g, 2*g.tol.model, engine.V, engine.O, engine.Gate, engine.Up, engine.Down)
	}
}

// checkRecompute keeps only the inputs of the layers and computes the
// activations again, in buffers that all layers share and that still hold
// another layer's: gradients must not change by a bit. MLP may write over x.
func checkRecompute(g *rig) {
	m := g.model(settings[0])
	batch := g.batch(shortDocuments...)
	in, n := g.load(batch), len(batch.Tokens)
	b := m.buffers(g, n)
	m.step(g, in, b, 0.1)
	want, wantD := m.gradients(g), g.download(b.d)
	wantOut := g.download(b.x[len(m.layers)])

	m.zeroGradients(g)
	shared := g.activations(n, ranks(&m.layers[0].block))
	for _, x := range b.x[1:] {
		g.poison(x)
	}
	g.must("embed", g.be.Embed(in, m.table, b.x[0]))
	for i := range m.layers {
		m.layerForward(g, in, i, b.x[i], shared, b.x[i+1])
	}
	g.must("loss", g.be.Loss(in, m.head, b.x[len(m.layers)], 0.1, b.nll, b.hit, b.d))
	scratch := g.poisoned(engine.Activation, n*g.s.Hidden)
	for i := len(m.layers) - 1; i >= 0; i-- {
		m.layerForward(g, in, i, b.x[i], shared, scratch)
		m.layerBackward(g, in, i, b.x[i], shared, b)
	}
	g.same("gradients with recomputed activations", m.gradients(g), want)
	g.same("gradient of x with recomputed activations", g.download(b.d), wantD)

	x := b.x[0]
	for i := range m.layers {
		m.layerForward(g, in, i, x, shared, x)
	}
	g.same("output computed in place", g.download(x), wantOut)
}
