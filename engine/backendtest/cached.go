package backendtest

import (
	"slices"

	"daybook/engine"
	"daybook/engine/backendtest/reference"
)

// checkCachedAttention has Store fill a cache with the keys and values of documents,
// piece by piece, and compares the attention of each piece's queries with the
// reference, which has the whole documents.
func checkCachedAttention(g *rig) {
	const layer = 0
	lengths, slots := []int{5, 1, 201, 66}, []int32{4, 0, 5, 2}
	whole := g.batch(lengths...)
	n, none := len(whole.Tokens), [engine.NumProjections]int{}
	act, want := g.activations(n, none), &reference.Activations{}
	want.Q = g.fill(act.Q, g.normal(n*g.s.QDim(), 1.5))
	want.K = g.fill(act.K, g.normal(n*g.s.KVDim(), 1.5))
	want.V = g.fill(act.V, g.normal(n*g.s.KVDim(), 1))
	reference.Attention(g.s, whole, want)

	cache, err := g.be.NewCache(6, slices.Max(lengths))
	g.must("new cache", err)
	done := make([]int, len(lengths))
	for _, tokens := range [][]int{{4, 0, 70, 63}, {0, 1, 127, 0}, {1, 0, 3, 2}, {0, 0, 1, 1}} {
		b, rows := next(whole, done, tokens, slots)
		in, act := g.load(b), g.activations(len(rows), none)
		g.upload(act.Q, narrow(pick(want.Q, g.s.QDim(), rows)))
		g.upload(act.K, narrow(pick(want.K, g.s.KVDim(), rows)))
		g.upload(act.V, narrow(pick(want.V, g.s.KVDim(), rows)))
		g.must("store", g.be.Store(in, cache, layer, act))
		g.must("cached attention", g.be.CachedAttention(in, cache, layer, act))
		g.compare("o with a cache", g.get(act.O), pick(want.O, g.s.QDim(), rows), g.tol.product)
		var lse []float64
		for h := range g.s.Heads {
			lse = append(lse, pick(want.LSE[h*n:], 1, rows)...)
		}
		g.compare("lse with a cache", g.get(act.LSE), lse, g.tol.product)
	}
}
