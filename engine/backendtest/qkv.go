package backendtest

import (
	"daybook/engine"
	"daybook/engine/backendtest/reference"
)

func checkQKV(g *rig) {
	g.eachSetting(func(g *rig, l *layer) { compareQKV(g, l, g.batch(shortDocuments...)) })
}

// compareQKV compares QKV of random inputs for b, forward and backward.
func compareQKV(g *rig, l *layer, b *engine.Batch) {
	in, n := g.load(b), len(b.Tokens)
	x, xValues := g.put(engine.Activation, g.normal(n*g.s.Hidden, 1.5))
	act := g.activations(n, ranks(&l.block))
	g.must("qkv", g.be.QKV(in, &l.block, x, act))

	want := &reference.Activations{X: xValues}
	l.ref.QKV(b, want)
	g.compareUlps("norm1", g.get(act.Norm1), want.Norm1, 0)
	heads := l.ref.Heads(b, g.get(act.Norm1))
	if g.s.HeadNorm {
		g.compare("raw q", g.get(act.RawQ), heads.RawQ, g.tol.product)
		g.compare("raw k", g.get(act.RawK), heads.RawK, g.tol.product)
	}
	g.compare("q", g.get(act.Q), heads.Q, g.tol.product)
	g.compare("k", g.get(act.K), heads.K, g.tol.product)
	g.compare("v", g.get(act.V), heads.V, g.tol.product)
	g.same("x", narrow(g.get(x)), narrow(xValues))

	// Without q only what backward reads besides is computed, to the bit.
	kept, part := g.download(act.Norm1), *act
	part.RawQ, part.RawK, part.Q, part.K, part.V = nil, nil, nil, nil, nil
	for _, b := range []engine.Buffer{act.Norm1, act.Low[engine.AttentionInput]} {
		if b != nil {
			g.poison(b)
		}
	}
	g.must("qkv without q", g.be.QKV(in, &l.block, x, &part))
	g.same("norm1 without q", g.download(act.Norm1), kept)

	grad := g.gradients(n, ranks(&l.block))
	dq := g.fill(grad.Q, g.normal(n*g.s.QDim(), 1))
	dk := g.fill(grad.K, g.normal(n*g.s.KVDim(), 1))
	dv := g.fill(grad.V, g.normal(n*g.s.KVDim(), 1))
	d, residual := g.put(engine.Activation, g.normal(n*g.s.Hidden, 1))
	g.must("qkv backward", g.be.QKVBackward(in, &l.block, x, act, grad, d))
	dx := l.ref.QKVBackward(b, want, dq, dk, dv)
	for i, v := range residual {
		dx[i] += v
	}
	g.compare("gradient of x", g.get(d), dx, g.tol.backward)
	l.compareGradients(g, g.tol.backward, engine.Q, engine.K, engine.V)

	// That nobody wants the gradient of x is nothing to the adapters.
	l.block.FrozenInput = true
	dq = g.fill(grad.Q, g.normal(n*g.s.QDim(), 1))
	dk = g.fill(grad.K, g.normal(n*g.s.KVDim(), 1))
	dv = g.fill(grad.V, g.normal(n*g.s.KVDim(), 1))
	g.must("qkv backward of a frozen input", g.be.QKVBackward(in, &l.block, x, act, grad, d))
	l.ref.QKVBackward(b, want, dq, dk, dv)
	l.compareGradients(g, g.tol.backward, engine.Q, engine.K, engine.V)
}
