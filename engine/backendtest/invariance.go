package backendtest

import (
	"daybook/engine"
)

// checkBatchInvariance runs documents together and alone: what belongs to a
// document must be equal to the bit, whatever else is in the batch.
func checkBatchInvariance(g *rig) {
	for _, c := range []setting{settings[0], settings[3]} {
		g.run(c.name, func(g *rig) {
			m := g.model(c)
			batch := g.batch(6, 1, 37, 4)
			b := m.buffers(g, len(batch.Tokens))
			m.step(g, g.load(batch), b, 0.25)
			out := g.download(b.x[len(m.layers)])
			nll, hit, d := g.download(b.nll), g.download(b.hit), g.download(b.d)
			for doc := range batch.Documents() {
				one := document(batch, doc)
				from, n := int(batch.Starts[doc]), len(one.Tokens)
				ob := m.buffers(g, n)
				m.step(g, g.load(one), ob, 0.25)
				rows := func(x []float32) []float32 { return x[from*g.s.Hidden : (from+n)*g.s.Hidden] }
				g.same("output of a document alone", g.download(ob.x[len(m.layers)]), rows(out))
				g.same("nll of a document alone", g.download(ob.nll), nll[from:from+n])
				g.same("hit of a document alone", g.download(ob.hit), hit[from:from+n])
				g.same("gradient of a document alone", g.download(ob.d), rows(d))
			}
		})
	}
}

// checkPackedGradients compares the adapters' gradients of a packed batch with
// those of its documents one after the other: the same sum in another order.
func checkPackedGradients(g *rig) {
	m := g.model(settings[0])
	batch := g.batch(9, 1, 21, 5)
	b := m.buffers(g, len(batch.Tokens))
	m.step(g, g.load(batch), b, 0.1)
	packed := m.gradients(g)

	m.zeroGradients(g)
	in, err := g.be.NewBatch(len(batch.Tokens), 1)
	g.must("new batch", err)
	for doc := range batch.Documents() {
		g.must("load", in.Load(document(batch, doc)))
		m.step(g, in, b, 0.1)
	}
	g.compare("gradients of a packed batch", widen(packed), widen(m.gradients(g)), g.tol.backward)

	// And once more, to show that the same work gives the same bits.
	m.zeroGradients(g)
	m.step(g, g.load(batch), b, 0.1)
	g.same("gradients of the same batch again", m.gradients(g), packed)
}

// checkCapacity fills a batch past what it was made for, and checks that spare
// capacity changes nothing.
func checkCapacity(g *rig) {
	batch := g.batch(shortDocuments...)
	n, docs := len(batch.Tokens), batch.Documents()
	small, err := g.be.NewBatch(n-1, docs)
	g.must("new batch", err)
	if small.Load(batch) == nil {
		g.t.Errorf("%d tokens fit into a batch for %d", n, n-1)
	}
	few, err := g.be.NewBatch(n, docs-1)
	g.must("new batch", err)
	if few.Load(batch) == nil {
		g.t.Errorf("%d documents fit into a batch for %d", docs, docs-1)
	}
	// A refused batch leaves the object usable.
	g.must("load after a refusal", small.Load(g.batch(2, 3)))
	if small.Tokens() != 5 {
		g.t.Errorf("%d tokens after loading 5", small.Tokens())
	}

	l := g.layer(0, settings[0])
	x := g.normal(n*g.s.Hidden, 1)
	run := func(capacity int) (o, mid, y []float32) {
		in := g.loadInto(batch, capacity, docs+2)
		act := g.activations(capacity, ranks(&l.block))
		buf := g.poisoned(engine.Activation, capacity*g.s.Hidden)
		g.upload(buf, append(append([]float32(nil), x...), make([]float32, (capacity-n)*g.s.Hidden)...))
		g.must("qkv", g.be.QKV(in, &l.block, buf, act))
		g.must("attention", g.be.Attention(in, act))
		g.must("output", g.be.Output(in, &l.block, buf, act))
		g.must("mlp", g.be.MLP(in, &l.block, act, buf))
		return g.download(act.O)[:n*g.s.QDim()], g.download(act.Mid)[:n*g.s.Hidden], g.download(buf)[:n*g.s.Hidden]
	}
	o, mid, y := run(n)
	o2, mid2, y2 := run(n + 13)
	g.same("o with spare capacity", o2, o)
	g.same("mid with spare capacity", mid2, mid)
	g.same("y with spare capacity", y2, y)
}
