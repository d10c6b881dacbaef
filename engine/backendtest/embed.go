package backendtest

import (
	"daybook/engine"
	"daybook/engine/backendtest/reference"
)

func checkEmbed(g *rig) {
	for _, format := range []string{"float32", "bfloat16"} {
		m := g.matrix(g.s.Vocab, g.s.Hidden, format)
		b := g.batch(shortDocuments...)
		in := g.load(b)
		x := g.poisoned(engine.Activation, len(b.Tokens)*g.s.Hidden)
		g.must("embed", g.be.Embed(in, g.weight(m), x))
		// A copy; at most a change of type.
		g.compare("x from "+format, g.get(x), reference.Embed(g.s, b, reference.Dense(m)), g.tol.roundTrip)
	}
}
