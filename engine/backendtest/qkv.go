package backendtest

import (
	"daybook/engine"
	"daybook/engine/backendtest/reference"
)

func checkQKV(g *rig) {
	g.eachSetting(func(g *rig, l *layer) {
		b := g.batch(shortDocuments...)
		in, n := g.load(b), len(b.Tokens)
		x, xValues := g.put(engine.Activation, g.normal(n*g.s.Hidden, 1.5))
		act := g.activations(n, ranks(&l.block))
		g.must("qkv", g.be.QKV(in, &l.block, x, act))

		want := &reference.Activations{X: xValues}
		l.ref.QKV(b, want)
		g.compare("norm1", g.get(act.Norm1), want.Norm1, g.tol.forward)
		g.compare("q", g.get(act.Q), want.Q, g.tol.forward)
		g.compare("k", g.get(act.K), want.K, g.tol.forward)
		g.compare("v", g.get(act.V), want.V, g.tol.forward)
		g.compareLow(act, want, engine.Q, engine.K, engine.V)
		g.same("x", narrow(g.get(x)), narrow(xValues))

		grad := g.gradients(n, ranks(&l.block))
		var dq, dk, dv []float64
		grad.Q, dq = g.put(engine.Activation, g.normal(n*g.s.QDim(), 1))
		grad.K, dk = g.put(engine.Activation, g.normal(n*g.s.KVDim(), 1))
		grad.V, dv = g.put(engine.Activation, g.normal(n*g.s.KVDim(), 1))
		d, residual := g.put(engine.Activation, g.normal(n*g.s.Hidden, 1))
		g.must("qkv backward", g.be.QKVBackward(in, &l.block, x, act, grad, d))
		dx := l.ref.QKVBackward(b, want, dq, dk, dv)
		for i, v := range residual {
			dx[i] += v
		}
		g.compare("gradient of x", g.get(d), dx, g.tol.backward)
		l.compareGradients(g, g.tol.backward, engine.Q, engine.K, engine.V)
	})
}

// compareLow checks A dropout(x) where there is an adapter.
func (g *rig) compareLow(act *engine.Activations, want *reference.Activations, projections ...engine.Projection) {
	g.t.Helper()
	for _, p := range projections {
		if act.Low[p] != nil {
			g.compare("low of "+p.String(), g.get(act.Low[p]), want.Low[p], g.tol.forward)
		}
	}
}
