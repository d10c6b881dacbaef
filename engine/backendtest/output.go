package backendtest

import (
	"daybook/engine"
	"daybook/engine/backendtest/reference"
)

func checkOutput(g *rig) {
	g.eachSetting(func(g *rig, l *layer) { compareOutput(g, l, g.batch(shortDocuments...)) })
}

// compareOutput compares Output of random inputs for b, forward and backward.
func compareOutput(g *rig, l *layer, b *engine.Batch) {
	in, n := g.load(b), len(b.Tokens)
	act, want := g.activations(n, ranks(&l.block)), &reference.Activations{}
	var x engine.Buffer
	x, want.X = g.put(engine.Activation, g.normal(n*g.s.Hidden, 1))
	want.O = g.fill(act.O, g.normal(n*g.s.QDim(), 1))
	g.must("output", g.be.Output(in, &l.block, x, act))
	l.ref.Output(b, want)
	g.compare("mid", g.get(act.Mid), want.Mid, g.tol.product)
	g.same("x", narrow(g.get(x)), narrow(want.X))

	grad := g.gradients(n, ranks(&l.block))
	d, dmid := g.put(engine.Activation, g.normal(n*g.s.Hidden, 1))
	g.must("output backward", g.be.OutputBackward(in, &l.block, act, grad, d))
	g.compare("gradient of o", g.get(grad.O), l.ref.OutputBackward(b, want, dmid), g.tol.product)
	g.same("gradient of mid", narrow(g.get(d)), narrow(dmid))
	l.compareGradients(g, g.tol.backward, engine.O)
}
