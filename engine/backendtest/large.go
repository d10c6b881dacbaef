package backendtest

import (
	"fmt"
	"slices"

	"daybook/engine"
)

// largeDocuments are more tokens than a kernel takes for few (2,048 in the CUDA
// engine), but none of them is: alone each takes the other form.
var largeDocuments = []int{40, 1993, 1, 69, 17}

// checkLargeBatch runs a layer and its attention on a large batch, and each of its
// documents alone: right, and equal to the bit. The ranks are 16, three, one and two
// of which read an input.
func checkLargeBatch(g *rig) {
	if longest := slices.Max(largeDocuments); g.s.MaxPositions < longest {
		g.t.Skipf("the model has %d positions, a document here %d", g.s.MaxPositions, longest)
	}
	b := g.batch(largeDocuments...)
	l := g.layer(0, settings[3])
	g.run("QKV", func(g *rig) { compareQKV(g, l, b) })
	g.run("Output", func(g *rig) { compareOutput(g, l, b) })
	g.run("MLP", func(g *rig) { compareMLP(g, l, b) })
	g.run("layer alone", func(g *rig) { l.compareAlone(g, b) })
	g.run("Attention", func(g *rig) {
		act, grad, do := compareAttention(g, b)
		inputs := tokenRows{
			{"q", g.s.QDim(), g.download(act.Q)},
			{"k", g.s.KVDim(), g.download(act.K)},
			{"v", g.s.KVDim(), g.download(act.V)},
			{"gradient of o", g.s.QDim(), narrow(do)},
		}
		want := attentionRows(g, act, grad)
		for doc := range b.Documents() {
			one, from := document(b, doc), int(b.Starts[doc])
			in, n := g.load(one), len(one.Tokens)
			act, grad := g.activations(n, [engine.NumProjections]int{}), g.gradients(n, [engine.NumProjections]int{})
			part := inputs.part(from, n)
			for i, to := range []engine.Buffer{act.Q, act.K, act.V, grad.O} {
				g.upload(to, part[i].values)
			}
			g.must("attention", g.be.Attention(in, act))
			g.must("attention backward", g.be.AttentionBackward(in, act, grad))
			attentionRows(g, act, grad).same(g, want.part(from, n))
		}
	})
}

// tokenRows is matrices of a row for every token.
type tokenRows []struct {
	name   string
	width  int
	values []float32 // (T, width)
}

// part returns n rows of each from one on.
func (r tokenRows) part(from, n int) tokenRows {
	p := append(tokenRows(nil), r...)
	for i := range p {
		p[i].values = p[i].values[from*p[i].width : (from+n)*p[i].width]
	}
	return p
}

func (r tokenRows) same(g *rig, want tokenRows) {
	g.t.Helper()
	for i := range r {
		g.same(fmt.Sprintf("%s of a document of %d tokens alone", r[i].name, len(r[i].values)/r[i].width), r[i].values, want[i].values)
	}
}

func attentionRows(g *rig, act *engine.Activations, grad *engine.Gradients) tokenRows {
	g.t.Helper()
	return tokenRows{
		{"o", g.s.QDim(), g.download(act.O)},
		{"gradient of q", g.s.QDim(), g.download(grad.Q)},
		{"gradient of k", g.s.KVDim(), g.download(grad.K)},
		{"gradient of v", g.s.KVDim(), g.download(grad.V)},
	}
}

// compareAlone compares what the operations of a layer beside attention leave for
// each token of b with what they leave where its document is alone.
func (l *layer) compareAlone(g *rig, b *engine.Batch) {
	g.t.Helper()
	n, s := len(b.Tokens), g.s
	random := func(width int) []float32 { return g.normal(n*width, 1) }
	inputs := tokenRows{
		{"x", s.Hidden, random(s.Hidden)},
		{"o", s.QDim(), random(s.QDim())},
		{"gradient of y", s.Hidden, random(s.Hidden)},
		{"gradient of q", s.QDim(), random(s.QDim())},
		{"gradient of k", s.KVDim(), random(s.KVDim())},
		{"gradient of v", s.KVDim(), random(s.KVDim())},
	}
	want := l.pass(g, b, inputs)
	for doc := range b.Documents() {
		one, from := document(b, doc), int(b.Starts[doc])
		l.pass(g, one, inputs.part(from, len(one.Tokens))).same(g, want.part(from, len(one.Tokens)))
	}
}

// pass runs l forward and backward, O and the gradients of Q, K and V being given.
func (l *layer) pass(g *rig, b *engine.Batch, inputs tokenRows) tokenRows {
	g.t.Helper()
	in, n, rank, s := g.load(b), len(b.Tokens), ranks(&l.block), g.s
	act, grad := g.activations(n, rank), g.gradients(n, rank)
	x, _ := g.put(engine.Activation, inputs[0].values)
	y := g.poisoned(engine.Activation, n*s.Hidden)
	d, _ := g.put(engine.Activation, inputs[2].values)
	g.must("qkv", g.be.QKV(in, &l.block, x, act))
	g.upload(act.O, inputs[1].values)
	g.must("output", g.be.Output(in, &l.block, x, act))
	g.must("mlp", g.be.MLP(in, &l.block, act, y))
	g.must("mlp backward", g.be.MLPBackward(in, &l.block, act, grad, d))
	g.must("output backward", g.be.OutputBackward(in, &l.block, act, grad, d))
	do := g.download(grad.O)
	for i, to := range []engine.Buffer{grad.Q, grad.K, grad.V} {
		g.upload(to, inputs[3+i].values)
	}
	g.must("qkv backward", g.be.QKVBackward(in, &l.block, x, act, grad, d))
	return tokenRows{
		{"q", s.QDim(), g.download(act.Q)},
		{"k", s.KVDim(), g.download(act.K)},
		{"v", s.KVDim(), g.download(act.V)},
		{"mid", s.Hidden, g.download(act.Mid)},
		{"gate", s.Intermediate, g.download(act.Gate)},
		{"up", s.Intermediate, g.download(act.Up)},
		{"y", s.Hidden, g.download(y)},
		{"gradient of o", s.QDim(), do},
		{"gradient of x", s.Hidden, g.download(d)},
	}
}
