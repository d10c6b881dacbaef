package backendtest

import (
	"math"

	"daybook/engine"
	"daybook/engine/backendtest/reference"
)

// head returns a random final norm and output projection.
func (g *rig) head(format string) (*engine.Head, *reference.Head) {
	g.t.Helper()
	m := g.matrix(g.s.Vocab, g.s.Hidden, format)
	h, ref := &engine.Head{Weight: g.weight(m)}, &reference.Head{Shape: g.s, Weight: reference.Dense(m)}
	h.Norm, ref.Norm = g.norm()
	return h, ref
}

func checkLoss(g *rig) {
	for _, format := range []string{"float32", "bfloat16"} {
		g.run(format, func(g *rig) {
			h, ref := g.head(format)
			lengths := longDocuments
			if g.s.Vocab > 1000 {
				lengths = shortDocuments // the reference takes its time
			}
			b := g.batch(lengths...)
			n := len(b.Tokens)
			x, xValues := g.put(engine.Activation, g.normal(n*g.s.Hidden, 1.5))
			// Random targets are hardly ever hits: make every other one the best token.
			for i, target := range b.Targets {
				if target != engine.Ignore && i%2 == 0 {
					b.Targets[i] = argmax(ref.Logits(xValues[i*g.s.Hidden : (i+1)*g.s.Hidden]))
				}
			}
			in := g.load(b)
			const scale = 1.0 / 37
			nll, margin, dx := ref.Loss(b, xValues, scale)

			gotNLL, gotHit := g.poisoned(engine.Float, n), g.poisoned(engine.Float, n)
			d := g.poisoned(engine.Activation, n*g.s.Hidden)
			g.must("loss", g.be.Loss(in, h, x, scale, gotNLL, gotHit, d))
			g.compare("nll", g.get(gotNLL), nll, g.tol.forward)
			// A sum over the vocabulary, however large that is.
			g.compare("gradient of x", g.get(d), dx, max(g.tol.backward, math.Sqrt(float64(g.s.Vocab))*math.Exp2(-24)))
			g.compareHits(b, margin, g.download(gotHit))
			for i, target := range b.Targets {
				if v := g.download(gotNLL)[i]; target == engine.Ignore && v != 0 {
					g.t.Fatalf("nll of token %d without a target is %g", i, v)
				}
			}
			g.same("x", g.download(x), narrow(xValues))

			// Without a gradient the rest is the same to the bit.
			alone, hits := g.poisoned(engine.Float, n), g.poisoned(engine.Float, n)
			g.must("loss without gradient", g.be.Loss(in, h, x, scale, alone, hits, nil))
			g.same("nll without gradient", g.download(alone), g.download(gotNLL))
			g.same("hit without gradient", g.download(hits), g.download(gotHit))

			logits, err := g.be.Logits(in, h, x, false)
			g.must("logits", err)
			g.compare("logits", widen(logits), ref.Logits(xValues), g.tol.forward)
			var ofLast []float32
			for _, end := range b.Starts[1:] {
				ofLast = append(ofLast, logits[int(end-1)*g.s.Vocab:int(end)*g.s.Vocab]...)
			}
			logits, err = g.be.Logits(in, h, x, true)
			g.must("last logits", err)
			g.same("last logits", logits, ofLast)
		})
	}
}

// checkLossAlone computes the loss of documents together, in several chunks where a
// vocabulary is large, and of each alone: they must be equal to the bit. What one
// chunk computes checkLoss compares with the reference.
func checkLossAlone(g *rig) {
	h, _ := g.head("bfloat16")
	b := g.batch(167, 133, 180)
	for i := range b.Targets {
		b.Targets[i] = int32(g.r.IntN(g.s.Vocab))
	}
	n, w := len(b.Tokens), g.s.Hidden
	values := g.normal(n*w, 1.5)
	run := func(b *engine.Batch, values []float32) (nll, hit, d []float32) {
		x, _ := g.put(engine.Activation, values)
		nlls, hits := g.poisoned(engine.Float, len(b.Tokens)), g.poisoned(engine.Float, len(b.Tokens))
		dx := g.poisoned(engine.Activation, len(values))
		g.must("loss", g.be.Loss(g.load(b), h, x, 0.01, nlls, hits, dx))
		return g.download(nlls), g.download(hits), g.download(dx)
	}
	nll, hit, d := run(b, values)
	for doc := range b.Documents() {
		from, to := int(b.Starts[doc]), int(b.Starts[doc+1])
		nlls, hits, dx := run(document(b, doc), values[from*w:to*w])
		g.same("nll of a document alone", nlls, nll[from:to])
		g.same("hit of a document alone", hits, hit[from:to])
		g.same("gradient of a document alone", dx, d[from*w:to*w])
	}
}

// compareHits leaves out tokens whose two best logits are as good as equal.
func (g *rig) compareHits(b *engine.Batch, margin []float64, hit []float32) {
	g.t.Helper()
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
			g.t.Errorf("hit of token %d is %g, want %g (margin %.3g)", i, hit[i], want, margin[i])
			return
		}
	}
	if checked < len(hit)/2 {
		g.t.Errorf("only %d of %d hits could be checked", checked, len(hit))
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
