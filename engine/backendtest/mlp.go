package backendtest

import (
	"daybook/engine"
	"daybook/engine/backendtest/reference"
)

func checkMLP(g *rig) {
	g.eachSetting(func(g *rig, l *layer) { compareMLP(g, l, g.batch(shortDocuments...)) })
}

// compareMLP compares MLP of random inputs for b, forward and backward.
func compareMLP(g *rig, l *layer, b *engine.Batch) {
	in, n := g.load(b), len(b.Tokens)
	act, want := g.activations(n, ranks(&l.block)), &reference.Activations{}
	want.Mid = g.fill(act.Mid, g.normal(n*g.s.Hidden, 1.5))
	y := g.poisoned(engine.Activation, n*g.s.Hidden)
	g.must("mlp", g.be.MLP(in, &l.block, act, y))
	l.ref.MLP(b, want)
	g.compareUlps("norm2", g.get(act.Norm2), want.Norm2, 0)
	gate, up := l.ref.GateUp(b, g.get(act.Norm2))
	g.compare("gate", g.get(act.Gate), gate, g.tol.product)
	g.compare("up", g.get(act.Up), up, g.tol.product)
	// A backend may take gate and up as they are before they are rounded to be kept,
	// so down differs by their rounding and its own: up to 0.004 in bfloat16.
	g.compare("down", g.get(act.Down), reference.SwiGLU(g.get(act.Gate), g.get(act.Up)), 2*g.tol.product)
	g.compare("y", g.get(y), want.Y, g.tol.forward)
	g.same("mid", narrow(g.get(act.Mid)), narrow(want.Mid))

	// Without y all that backward reads is the same, to the bit.
	kept := [][]float32{g.download(act.Norm2), g.download(act.Gate), g.download(act.Up), g.download(act.Down)}
	for _, b := range []engine.Buffer{act.Norm2, act.Gate, act.Up, act.Down, act.Low[engine.MLPInput], act.Low[engine.DownInput]} {
		if b != nil {
			g.poison(b)
		}
	}
	g.must("mlp without y", g.be.MLP(in, &l.block, act, nil))
	for i, b := range []engine.Buffer{act.Norm2, act.Gate, act.Up, act.Down} {
		g.same("activations without y", g.download(b), kept[i])
	}

	grad := g.gradients(n, ranks(&l.block))
	d, dy := g.put(engine.Activation, g.normal(n*g.s.Hidden, 1))
	g.must("mlp backward", g.be.MLPBackward(in, &l.block, act, grad, d))
	g.compare("gradient of mid", g.get(d), l.ref.MLPBackward(b, want, dy), g.tol.backward)
	l.compareGradients(g, g.tol.backward, engine.Gate, engine.Up, engine.Down)
}
