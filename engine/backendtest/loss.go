package backendtest

import (
	"math"
	"testing"

	"daybook/engine"
	"daybook/engine/backendtest/reference"
)

// head returns a random final norm and output projection.
func (g *rig) head(t *testing.T, format string) (*engine.Head, *reference.Head) {
	t.Helper()
	m := g.matrix(g.s.Vocab, g.s.Hidden, format)
	h, ref := &engine.Head{Weight: g.weight(t, m)}, &reference.Head{Shape: g.s, Weight: reference.Dense(m)}
	h.Norm, ref.Norm = g.norm(t)
	return h, ref
}

func checkLoss(t *testing.T, g *rig) {
	for _, format := range []string{"float32", "bfloat16"} {
		t.Run(format, func(t *testing.T) {
			h, ref := g.head(t, format)
			b := g.batch(longDocuments...)
			n := len(b.Tokens)
			x, xValues := g.put(t, engine.Activation, g.normal(n*g.s.Hidden, 1.5))
			// Random targets are hardly ever hits: make every other one the best token.
			for i, target := range b.Targets {
				if target != engine.Ignore && i%2 == 0 {
					b.Targets[i] = argmax(ref.Logits(xValues[i*g.s.Hidden : (i+1)*g.s.Hidden]))
				}
			}
			in := g.load(t, b)
			const scale = 1.0 / 37
			nll, margin, dx := ref.Loss(b, xValues, scale)

			gotNLL, gotHit := g.poisoned(t, engine.Float, n), g.poisoned(t, engine.Float, n)
			d := g.poisoned(t, engine.Activation, n*g.s.Hidden)
			must(t, "loss", g.be.Loss(in, h, x, scale, gotNLL, gotHit, d))
			compare(t, "nll", g.get(t, gotNLL), nll, g.tol.forward)
			compare(t, "gradient of x", g.get(t, d), dx, g.tol.backward)
			g.compareHits(t, b, margin, g.download(t, gotHit))
			for i, target := range b.Targets {
				if v := g.download(t, gotNLL)[i]; target == engine.Ignore && v != 0 {
					t.Fatalf("nll of token %d without a target is %g", i, v)
				}
			}
			same(t, "x", g.download(t, x), narrow(xValues))

			// Without a gradient the rest is the same to the bit.
			alone, hits := g.poisoned(t, engine.Float, n), g.poisoned(t, engine.Float, n)
			must(t, "loss without gradient", g.be.Loss(in, h, x, scale, alone, hits, nil))
			same(t, "nll without gradient", g.download(t, alone), g.download(t, gotNLL))
			same(t, "hit without gradient", g.download(t, hits), g.download(t, gotHit))

			logits, err := g.be.Logits(in, h, x)
			must(t, "logits", err)
			compare(t, "logits", widen(logits), ref.Logits(xValues), g.tol.forward)
		})
	}
}

// compareHits leaves out tokens whose two best logits are as good as equal.
func (g *rig) compareHits(t *testing.T, b *engine.Batch, margin []float64, hit []float32) {
	t.Helper()
	checked := 0
	for i, target := range b.Targets {
		want := float32(0)
		switch {
		case target == engine.Ignore:
		case math.Abs(margin[i]) < 20*g.tol.forward:
			continue
		case margin[i] > 0:
			want = 1
		}
		checked++
		if hit[i] != want {
			t.Errorf("hit of token %d is %g, want %g (margin %.3g)", i, hit[i], want, margin[i])
			return
		}
	}
	if checked < len(hit)/2 {
		t.Errorf("only %d of %d hits could be checked", checked, len(hit))
	}
}

// argmax returns the index of the largest value, the lowest in a tie.
func argmax(x []float64) int32 {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return int32(best)
}
