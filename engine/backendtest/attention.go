package backendtest

import (
	"testing"

	"daybook/engine"
	"daybook/engine/backendtest/reference"
)

func checkAttention(t *testing.T, g *rig) {
	for name, lengths := range map[string][]int{"short": shortDocuments, "long": longDocuments, "one token": {1}} {
		t.Run(name, func(t *testing.T) {
			b := g.batch(lengths...)
			in, n := g.load(t, b), len(b.Tokens)
			act := g.activations(t, n, [engine.NumProjections]int{})
			want := &reference.Activations{}
			// Scores of a few units make the softmax neither flat nor a choice of one.
			act.Q, want.Q = g.put(t, engine.Activation, g.normal(n*g.s.QDim(), 1.5))
			act.K, want.K = g.put(t, engine.Activation, g.normal(n*g.s.KVDim(), 1.5))
			act.V, want.V = g.put(t, engine.Activation, g.normal(n*g.s.KVDim(), 1))
			must(t, "attention", g.be.Attention(in, act))
			reference.Attention(g.s, b, want)
			compare(t, "o", g.get(t, act.O), want.O, g.tol.forward)
			compare(t, "lse", g.get(t, act.LSE), want.LSE, g.tol.forward)

			grad := g.gradients(t, n, [engine.NumProjections]int{})
			var do []float64
			grad.O, do = g.put(t, engine.Activation, g.normal(n*g.s.QDim(), 1))
			must(t, "attention backward", g.be.AttentionBackward(in, act, grad))
			dq, dk, dv := reference.AttentionBackward(g.s, b, want, do)
			if n > 1 {
				compare(t, "gradient of q", g.get(t, grad.Q), dq, g.tol.backward)
				compare(t, "gradient of k", g.get(t, grad.K), dk, g.tol.backward)
			}
			compare(t, "gradient of v", g.get(t, grad.V), dv, g.tol.backward)
			compareZero(t, "gradient of a lone token's q and k", b, g.s, g.get(t, grad.Q), g.get(t, grad.K))
		})
	}
}

// compareZero checks that documents of one token, whose softmax is constant,
// get no gradient but what rounding leaves.
func compareZero(t *testing.T, name string, b *engine.Batch, s engine.Shape, dq, dk []float64) {
	t.Helper()
	for d := range b.Documents() {
		from := int(b.Starts[d])
		if int(b.Starts[d+1])-from != 1 {
			continue
		}
		lone := append(dq[from*s.QDim():(from+1)*s.QDim():(from+1)*s.QDim()], dk[from*s.KVDim():(from+1)*s.KVDim()]...)
		for _, v := range lone {
			if !(v > -0.1 && v < 0.1) {
				t.Errorf("%s is %g, want 0", name, v)
				return
			}
		}
	}
}
