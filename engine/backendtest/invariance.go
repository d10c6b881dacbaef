package backendtest

import (
	"testing"

	"daybook/engine"
)

// checkBatchInvariance runs documents together and alone: what belongs to a
// document must be equal to the bit, whatever else is in the batch.
func checkBatchInvariance(t *testing.T, g *rig) {
	for _, c := range []setting{settings[0], settings[3]} {
		t.Run(c.name, func(t *testing.T) {
			m := g.model(t, c)
			batch := g.batch(6, 1, 37, 4)
			b := m.buffers(t, g, len(batch.Tokens))
			m.step(t, g, g.load(t, batch), b, 0.25)
			out := g.download(t, b.x[len(m.layers)])
			nll, hit, d := g.download(t, b.nll), g.download(t, b.hit), g.download(t, b.d)
			for doc := range batch.Documents() {
				one := document(batch, doc)
				from, n := int(batch.Starts[doc]), len(one.Tokens)
				ob := m.buffers(t, g, n)
				m.step(t, g, g.load(t, one), ob, 0.25)
				rows := func(x []float32) []float32 { return x[from*g.s.Hidden : (from+n)*g.s.Hidden] }
				same(t, "output of a document alone", g.download(t, ob.x[len(m.layers)]), rows(out))
				same(t, "nll of a document alone", g.download(t, ob.nll), nll[from:from+n])
				same(t, "hit of a document alone", g.download(t, ob.hit), hit[from:from+n])
				same(t, "gradient of a document alone", g.download(t, ob.d), rows(d))
			}
		})
	}
}

// checkPackedGradients compares the adapters' gradients of a packed batch with
// those of its documents one after the other: the same sum in another order.
func checkPackedGradients(t *testing.T, g *rig) {
	m := g.model(t, settings[0])
	batch := g.batch(9, 1, 21, 5)
	b := m.buffers(t, g, len(batch.Tokens))
	m.step(t, g, g.load(t, batch), b, 0.1)
	packed := m.gradients(t, g)

	m.zeroGradients(t, g)
	in, err := g.be.NewBatch(len(batch.Tokens), 1)
	must(t, "new batch", err)
	for doc := range batch.Documents() {
		must(t, "load", in.Load(document(batch, doc)))
		m.step(t, g, in, b, 0.1)
	}
	compare(t, "gradients of a packed batch", widen(packed), widen(m.gradients(t, g)), g.tol.backward)

	// And once more, to show that the same work gives the same bits.
	m.zeroGradients(t, g)
	m.step(t, g, g.load(t, batch), b, 0.1)
	same(t, "gradients of the same batch again", m.gradients(t, g), packed)
}

// checkCapacity fills a batch past what it was made for, and checks that spare
// capacity changes nothing.
func checkCapacity(t *testing.T, g *rig) {
	batch := g.batch(shortDocuments...)
	n, docs := len(batch.Tokens), batch.Documents()
	small, err := g.be.NewBatch(n-1, docs)
	must(t, "new batch", err)
	if small.Load(batch) == nil {
		t.Errorf("%d tokens fit into a batch for %d", n, n-1)
	}
	few, err := g.be.NewBatch(n, docs-1)
	must(t, "new batch", err)
	if few.Load(batch) == nil {
		t.Errorf("%d documents fit into a batch for %d", docs, docs-1)
	}
	// A refused batch leaves the object usable.
	must(t, "load after a refusal", small.Load(g.batch(2, 3)))
	if small.Tokens() != 5 {
		t.Errorf("%d tokens after loading 5", small.Tokens())
	}

	l := g.layer(t, 0, settings[0])
	x := g.normal(n*g.s.Hidden, 1)
	run := func(capacity int) (o, mid, y []float32) {
		in := g.loadInto(t, batch, capacity, docs+2)
		act := g.activations(t, capacity, ranks(&l.block))
		buf := g.poisoned(t, engine.Activation, capacity*g.s.Hidden)
		g.upload(t, buf, append(append([]float32(nil), x...), make([]float32, (capacity-n)*g.s.Hidden)...))
		must(t, "qkv", g.be.QKV(in, &l.block, buf, act))
		must(t, "attention", g.be.Attention(in, act))
		must(t, "output", g.be.Output(in, &l.block, buf, act))
		must(t, "mlp", g.be.MLP(in, &l.block, act, buf))
		return g.download(t, act.O)[:n*g.s.QDim()], g.download(t, act.Mid)[:n*g.s.Hidden], g.download(t, buf)[:n*g.s.Hidden]
	}
	o, mid, y := run(n)
	o2, mid2, y2 := run(n + 13)
	same(t, "o with spare capacity", o2, o)
	same(t, "mid with spare capacity", mid2, mid)
	same(t, "y with spare capacity", y2, y)
}
