package backendtest

import (
	"testing"

	"daybook/engine"
	"daybook/engine/backendtest/reference"
)

func checkQKV(t *testing.T, g *rig) {
	g.eachSetting(t, func(t *testing.T, l *layer) {
		b := g.batch(shortDocuments...)
		in, n := g.load(t, b), len(b.Tokens)
		x, xValues := g.put(t, engine.Activation, g.normal(n*g.s.Hidden, 1.5))
		act := g.activations(t, n, ranks(&l.block))
		must(t, "qkv", g.be.QKV(in, &l.block, x, act))

		want := &reference.Activations{X: xValues}
		l.ref.QKV(b, want)
		compare(t, "norm1", g.get(t, act.Norm1), want.Norm1, g.tol.forward)
		compare(t, "q", g.get(t, act.Q), want.Q, g.tol.forward)
		compare(t, "k", g.get(t, act.K), want.K, g.tol.forward)
		compare(t, "v", g.get(t, act.V), want.V, g.tol.forward)
		compareLow(t, g, act, want, engine.Q, engine.K, engine.V)
		same(t, "x", narrow(g.get(t, x)), narrow(xValues))

		grad := g.gradients(t, n, ranks(&l.block))
		var dq, dk, dv []float64
		grad.Q, dq = g.put(t, engine.Activation, g.normal(n*g.s.QDim(), 1))
		grad.K, dk = g.put(t, engine.Activation, g.normal(n*g.s.KVDim(), 1))
		grad.V, dv = g.put(t, engine.Activation, g.normal(n*g.s.KVDim(), 1))
		d, residual := g.put(t, engine.Activation, g.normal(n*g.s.Hidden, 1))
		must(t, "qkv backward", g.be.QKVBackward(in, &l.block, x, act, grad, d))
		dx := l.ref.QKVBackward(b, want, dq, dk, dv)
		for i, v := range residual {
			dx[i] += v
		}
		compare(t, "gradient of x", g.get(t, d), dx, g.tol.backward)
		l.compareGradients(t, g, g.tol.backward, engine.Q, engine.K, engine.V)
	})
}

// compareLow checks A dropout(x) where there is an adapter.
func compareLow(t *testing.T, g *rig, act *engine.Activations, want *reference.Activations, projections ...engine.Projection) {
	t.Helper()
	for _, p := range projections {
		if act.Low[p] != nil {
			compare(t, "low of "+p.String(), g.get(t, act.Low[p]), want.Low[p], g.tol.forward)
		}
	}
}
