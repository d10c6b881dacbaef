package model

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"daybook/engine"
	"daybook/engine/model/modeltest"
)

// drawTraining draws a shape, its base, quantized or not, and an adapter to train on it.
func drawTraining(t *rapid.T) setup {
	// Block scales cover 64 weights, so every matrix of a quantized base has a
	// multiple of that; a plain one may have any width. No width is so small that
	// dropout could take all of an input.
	quantized := rapid.Bool().Draw(t, "quantized")
	width := func(name string, most int) int {
		if quantized {
			return 8 * rapid.IntRange(1, most/8).Draw(t, name)
		}
		return rapid.IntRange(8, most).Draw(t, name)
	}
	kv := rapid.IntRange(1, 3).Draw(t, "kv heads")
	s := engine.Shape{
		Vocab:        rapid.IntRange(2, 150).Draw(t, "vocab"),
		Hidden:       width("hidden", 72),
		Layers:       rapid.IntRange(1, 3).Draw(t, "layers"),
		Heads:        kv * rapid.IntRange(1, 3).Draw(t, "queries of a kv head"),
		KVHeads:      kv,
		HeadDim:      width("head dim", 25) &^ 1,
		Intermediate: width("intermediate", 160),
		RopeTheta:    10000, NormEps: 1e-5, MaxPositions: 64,
		TiedHead: rapid.Bool().Draw(t, "tied head"),
		QKVBias:  rapid.Bool().Draw(t, "bias"),
		HeadNorm: rapid.Bool().Draw(t, "head norm"),
		Window:   rapid.SampledFrom([]int{0, 0, 1, 5, 17}).Draw(t, "window"),
	}
	l := engine.LoRA{Rank: rapid.IntRange(1, 9).Draw(t, "rank"), Alpha: 8, Targets: modeltest.AllLinear()}
	return setup{
		shape: s, weights: modeltest.Weights(s, 1, quantized), threads: 1,
		o:       Options{Train: true, LoRA: &l},
		adapter: modeltest.Adapter(s, l, 2),
	}
}

// drawDocuments draws documents of one token to many, and makes room for all of
// them in a batch of s. One is long enough to give every projection a gradient:
// queries and keys have none where a token can only look at itself.
func drawDocuments(t *rapid.T, s *setup) []engine.Example {
	lengths := append(rapid.SliceOfN(rapid.IntRange(1, 40), 0, 7).Draw(t, "lengths"), rapid.IntRange(6, 40).Draw(t, "long"))
	var all []engine.Example
	for i, n := range lengths {
		all = append(all, modeltest.Examples(s.shape, uint64(i), 1, n, n)...)
		s.o.MaxTokens += n
	}
	s.o.MaxDocuments, s.o.Accumulate = len(all), len(all)
	return all
}

func drawDropout(t *rapid.T) engine.Dropout {
	return engine.Dropout{P: rapid.SampledFrom([]float32{0, 0.1, 0.3}).Draw(t, "dropout"), Seed: 5, Step: rapid.Uint64Range(0, 1000).Draw(t, "step")}
}

func TestThreadsChangeNoBit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawTraining(t)
		b, drop := batch(drawDocuments(t, &s)), drawDropout(t)
		wantLoss, want := backward(t, s.open(t), drop, b)
		s.threads = rapid.IntRange(2, 9).Draw(t, "threads")
		loss, got := backward(t, s.open(t), drop, b)
		if loss[0] != wantLoss[0] {
			t.Errorf("loss %v, want %v", loss[0], wantLoss[0])
		}
		identical(t, got, want)
	})
}

// TestBatchIsItsDocumentsApart packs documents into one batch, in several, and
// each into its own: neither attention nor positions may reach over a boundary.
func TestBatchIsItsDocumentsApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawTraining(t)
		documents, drop := drawDocuments(t, &s), drawDropout(t)
		together, want := backward(t, s.open(t), drop, batch(documents))
		var packed []*engine.Batch
		for rest := documents; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "documents of a batch")
			packed = append(packed, batch(rest[:n]))
			rest = rest[n:]
		}
		losses, got := backward(t, s.open(t), drop, packed...)
		sum := 0.0
		for _, l := range losses {
			sum += l
		}
		if math.Abs(sum-together[0]) > 1e-6*sum {
			t.Errorf("loss %v apart, %v together", sum, together[0])
		}
		// The same sums in another order, in float32. Gradients of documents may
		// nearly cancel, so this is looser than where the examples are fixed; what
		// reaches over a boundary shows in the first digits.
		near(t, got, want, 1e-3)
	})
}
