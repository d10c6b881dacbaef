package backendtest

import (
	"testing"

	"daybook/engine"
	"daybook/engine/backendtest/reference"
)

func checkEmbed(t *testing.T, g *rig) {
	for _, format := range []string{"float32", "bfloat16"} {
		m := g.matrix(g.s.Vocab, g.s.Hidden, format)
		b := g.batch(shortDocuments...)
		in := g.load(t, b)
		x := g.poisoned(t, engine.Activation, len(b.Tokens)*g.s.Hidden)
		must(t, "embed", g.be.Embed(in, g.weight(t, m), x))
		// A copy; at most a change of type.
		compare(t, "x from "+format, g.get(t, x), reference.Embed(g.s, b, reference.Dense(m)), g.tol.roundTrip)
	}
}
