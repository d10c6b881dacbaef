package backendtest

import (
	"slices"

	"daybook/engine"
	"daybook/engine/backendtest/reference"
)

func checkAttention(g *rig) {
	for _, c := range []struct {
		name    string
		lengths []int
	}{{"short", shortDocuments}, {"long", longDocuments}, {"one token", []int{1}}, {"one document", []int{199}}, {"many windows", []int{2, 401}}} {
		if c.name == "many windows" && g.s.Window == 0 {
			continue
		}
		g.run(c.name, func(g *rig) { compareAttention(g, g.batch(c.lengths...)) })
	}
}

// compareAttention compares the attention of random inputs for b, forward and
// backward, and returns what the backend holds of it and the gradient of O it was given.
func compareAttention(g *rig, b *engine.Batch) (*engine.Activations, *engine.Gradients, []float64) {
	in, n := g.load(b), len(b.Tokens)
	act := g.activations(n, [engine.NumProjections]int{})
	want := &reference.Activations{}
	// Scores of a few units make the softmax neither flat nor a choice of one.
	want.Q = g.fill(act.Q, g.normal(n*g.s.QDim(), 1.5))
	want.K = g.fill(act.K, g.normal(n*g.s.KVDim(), 1.5))
	want.V = g.fill(act.V, g.normal(n*g.s.KVDim(), 1))
	g.must("attention", g.be.Attention(in, act))
	reference.Attention(g.s, b, want)
	g.compare("o", g.get(act.O), want.O, g.tol.product)
	g.compare("lse", g.get(act.LSE), want.LSE, g.tol.product)

	want.O = g.get(act.O) // an input of the backward pass, rounded or not
	grad := g.gradients(n, [engine.NumProjections]int{})
	do := g.fill(grad.O, g.normal(n*g.s.QDim(), 1))
	g.must("attention backward", g.be.AttentionBackward(in, act, grad))
	dq, dk, dv := reference.AttentionBackward(g.s, b, want, do)
	if n > 1 {
		g.compare("gradient of q", g.get(grad.Q), dq, g.tol.product)
		g.compare("gradient of k", g.get(grad.K), dk, g.tol.product)
	}
	g.compare("gradient of v", g.get(grad.V), dv, g.tol.product)
	g.compareZero("gradient of a lone token's q and k", b, g.s, g.get(grad.Q), g.get(grad.K))
	return act, grad, do
}

// compareZero checks that documents of one token, whose softmax is constant,
// get no gradient but what rounding leaves.
func (g *rig) compareZero(name string, b *engine.Batch, s engine.Shape, dq, dk []float64) {
	g.t.Helper()
	for d := range b.Documents() {
		from := int(b.Starts[d])
		if int(b.Starts[d+1])-from != 1 {
			continue
		}
		for _, v := range slices.Concat(dq[from*s.QDim():][:s.QDim()], dk[from*s.KVDim():][:s.KVDim()]) {
			if !(v > -0.1 && v < 0.1) {
				g.t.Errorf("%s is %g, want 0", name, v)
				return
			}
		}
	}
}
