package reference

import (
	"math"

	"daybook/engine"
)

// Logits returns rmsnorm(x) times the head: (T, Vocab).
func (h *Head) Logits(x []float64) []float64 {
	return multiply(RMSNorm(x, h.Norm, h.Shape.NormEps), h.Weight, h.Shape.Vocab, h.Shape.Hidden)
}

// Loss returns the negative log-likelihood of each target in nats, 0 where
// there is none; the margin of each target's logit over the largest other one;
// and the gradient of scale*sum(nll) with respect to x.
func (h *Head) Loss(b *engine.Batch, x []float64, scale float64) (nll, margin, dx []float64) {
	vocab := h.Shape.Vocab
	logits := h.Logits(x)
	nll, margin = make([]float64, len(b.Tokens)), make([]float64, len(b.Tokens))
	dlogits := make([]float64, len(logits))
	for t, target := range b.Targets {
		if target == engine.Ignore {
			continue
		}
		l := logits[t*vocab:][:vocab]
		lse := logSumExp(l)
		nll[t] = lse - l[target]
		other := math.Inf(-1)
		for v, logit := range l {
			p := math.Exp(logit - lse)
			if v == int(target) {
				p--
			} else {
				other = math.Max(other, logit)
			}
			dlogits[t*vocab+v] = scale * p
		}
		margin[t] = l[target] - other
	}
	dnorm := multiplyTransposed(dlogits, h.Weight, vocab, h.Shape.Hidden)
	return nll, margin, RMSNormBackward(x, h.Norm, h.Shape.NormEps, dnorm)
}
