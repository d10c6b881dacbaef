package backendtest

import (
	"testing"

	"daybook/engine"
	"daybook/engine/backendtest/reference"
)

func checkOutput(t *testing.T, g *rig) {
	g.eachSetting(t, func(t *testing.T, l *layer) {
		b := g.batch(shortDocuments...)
		in, n := g.load(t, b), len(b.Tokens)
		act, want := g.activations(t, n, ranks(&l.block)), &reference.Activations{}
		var x engine.Buffer
		x, want.X = g.put(t, engine.Activation, g.normal(n*g.s.Hidden, 1))
		act.O, want.O = g.put(t, engine.Activation, g.normal(n*g.s.QDim(), 1))
		must(t, "output", g.be.Output(in, &l.block, x, act))
		l.ref.Output(b, want)
		compare(t, "mid", g.get(t, act.Mid), want.Mid, g.tol.forward)
		compareLow(t, g, act, want, engine.O)
		same(t, "x", narrow(g.get(t, x)), narrow(want.X))

		grad := g.gradients(t, n, ranks(&l.block))
		d, dmid := g.put(t, engine.Activation, g.normal(n*g.s.Hidden, 1))
		must(t, "output backward", g.be.OutputBackward(in, &l.block, act, grad, d))
		compare(t, "gradient of o", g.get(t, grad.O), l.ref.OutputBackward(b, want, dmid), g.tol.backward)
		same(t, "gradient of mid", narrow(g.get(t, d)), narrow(dmid))
		l.compareGradients(t, g, g.tol.backward, engine.O)
	})
}
