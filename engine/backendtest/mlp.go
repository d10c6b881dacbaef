package backendtest

import (
	"testing"

	"daybook/engine"
	"daybook/engine/backendtest/reference"
)

func checkMLP(t *testing.T, g *rig) {
	g.eachSetting(t, func(t *testing.T, l *layer) {
		b := g.batch(shortDocuments...)
		in, n := g.load(t, b), len(b.Tokens)
		act, want := g.activations(t, n, ranks(&l.block)), &reference.Activations{}
		act.Mid, want.Mid = g.put(t, engine.Activation, g.normal(n*g.s.Hidden, 1.5))
		y := g.poisoned(t, engine.Activation, n*g.s.Hidden)
		must(t, "mlp", g.be.MLP(in, &l.block, act, y))
		l.ref.MLP(b, want)
		compare(t, "norm2", g.get(t, act.Norm2), want.Norm2, g.tol.forward)
		compare(t, "gate", g.get(t, act.Gate), want.Gate, g.tol.forward)
		compare(t, "up", g.get(t, act.Up), want.Up, g.tol.forward)
		compare(t, "down", g.get(t, act.Down), want.Down, g.tol.forward)
		compare(t, "y", g.get(t, y), want.Y, g.tol.forward)
		compareLow(t, g, act, want, engine.Gate, engine.Up, engine.Down)
		same(t, "mid", narrow(g.get(t, act.Mid)), narrow(want.Mid))

		grad := g.gradients(t, n, ranks(&l.block))
		d, dy := g.put(t, engine.Activation, g.normal(n*g.s.Hidden, 1))
		must(t, "mlp backward", g.be.MLPBackward(in, &l.block, act, grad, d))
		compare(t, "gradient of mid", g.get(t, d), l.ref.MLPBackward(b, want, dy), g.tol.backward)
		l.compareGradients(t, g, g.tol.backward, engine.Gate, engine.Up, engine.Down)
	})
}
