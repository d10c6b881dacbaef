package reference

import (
	"math"

	"daybook/engine"
)

// Attention sets O and LSE from Q, K and V: softmax(q k / sqrt(HeadDim)) v over
// the tokens of the same document up to the query's own (Vaswani et al. 2017,
// eq. 1), the last Window of them if there is one (Beltagy et al. 2020, section
// 3.1, causal). Head h reads key-value head h / (Heads/KVHeads).
func Attention(s engine.Shape, b *engine.Batch, act *Activations) {
	tokens := len(b.Tokens)
	act.O = make([]float64, tokens*s.QDim())
	act.LSE = make([]float64, s.Heads*tokens)
	eachQuery(s, b, func(h, t, first int) {
		scores := act.scores(s, h, t, first)
		lse := logSumExp(scores)
		act.LSE[h*tokens+t] = lse
		o := row(act.O, s.Heads, s.HeadDim, t, h)
		for i, score := range scores {
			p := math.Exp(score - lse)
			v := row(act.V, s.KVHeads, s.HeadDim, first+i, h/(s.Heads/s.KVHeads))
			for c := range o {
				o[c] += p * v[c]
			}
		}
	})
}

// AttentionBackward returns the gradients of Q, K and V, given that of O: with
// P the softmax, dP = dO v and dS = P * (dP - sum(dO*O)), where O is what act
// holds (Dao et al. 2022, appendix B.2).
func AttentionBackward(s engine.Shape, b *engine.Batch, act *Activations, do []float64) (dq, dk, dv []float64) {
	dq, dk, dv = make([]float64, len(act.Q)), make([]float64, len(act.K)), make([]float64, len(act.V))
	scale := 1 / math.Sqrt(float64(s.HeadDim))
	eachQuery(s, b, func(h, t, first int) {
		kv := h / (s.Heads / s.KVHeads)
		p := act.scores(s, h, t, first)
		lse := logSumExp(p)
		g := row(do, s.Heads, s.HeadDim, t, h)
		dp := make([]float64, len(p))
		for i := range p {
			p[i] = math.Exp(p[i] - lse)
			v := row(act.V, s.KVHeads, s.HeadDim, first+i, kv)
			for c := range g {
				dp[i] += g[c] * v[c]
			}
		}
		sum := 0.0
		for c, o := range row(act.O, s.Heads, s.HeadDim, t, h) {
			sum += g[c] * o
		}
		q, gq := row(act.Q, s.Heads, s.HeadDim, t, h), row(dq, s.Heads, s.HeadDim, t, h)
		for i := range p {
			ds := p[i] * (dp[i] - sum) * scale
			k := row(act.K, s.KVHeads, s.HeadDim, first+i, kv)
			gk := row(dk, s.KVHeads, s.HeadDim, first+i, kv)
			gv := row(dv, s.KVHeads, s.HeadDim, first+i, kv)
			for c := range g {
				gq[c] += ds * k[c]
				gk[c] += ds * q[c]
				gv[c] += p[i] * g[c]
			}
		}
	})
	return dq, dk, dv
}

// eachQuery calls f with every head, token, and first token that it attends to.
func eachQuery(s engine.Shape, b *engine.Batch, f func(h, t, first int)) {
	for h := range s.Heads {
		for doc := range b.Documents() {
			for t := b.Starts[doc]; t < b.Starts[doc+1]; t++ {
				first := int(b.Starts[doc])
				if s.Window > 0 {
					first = max(first, int(t)+1-s.Window)
				}
				f(h, int(t), first)
			}
		}
	}
}

// scores returns the scaled products of query t with the keys first..t.
func (act *Activations) scores(s engine.Shape, h, t, first int) []float64 {
	q := row(act.Q, s.Heads, s.HeadDim, t, h)
	out := make([]float64, 0, t-first+1)
	for u := first; u <= t; u++ {
		k := row(act.K, s.KVHeads, s.HeadDim, u, h/(s.Heads/s.KVHeads))
		sum := 0.0
		for c := range q {
			sum += q[c] * k[c]
		}
		out = append(out, sum/math.Sqrt(float64(s.HeadDim)))
	}
	return out
}

// row returns head h of token t in x (T, heads, dim).
func row(x []float64, heads, dim, t, h int) []float64 { return x[(t*heads+h)*dim:][:dim] }

func logSumExp(x []float64) float64 {
	largest := math.Inf(-1)
	for _, v := range x {
		largest = math.Max(largest, v)
	}
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(v - largest)
	}
	return largest + math.Log(sum)
}
