package reference

import "daybook/engine"

// QKV sets Norm1, Q, K and V from act.X, and with HeadNorm RawQ and RawK, of
// which Q and K are the norms by heads.
func (l *Layer) QKV(b *engine.Batch, act *Activations) {
	s := l.Shape
	act.Norm1 = RMSNorm(act.X, l.AttentionNorm, s.NormEps)
	l.project(b, act)
}

// Heads returns what QKV sets beside Norm1, given that.
func (l *Layer) Heads(b *engine.Batch, norm []float64) *Activations {
	act := &Activations{Norm1: norm}
	l.project(b, act)
	return act
}

// project sets Q, K and V from Norm1, and with HeadNorm RawQ and RawK.
func (l *Layer) project(b *engine.Batch, act *Activations) {
	s := l.Shape
	mask := Mask(b, l.Dropout, l.Index, engine.AttentionInput, s.Hidden)
	act.dropoutMask[engine.AttentionInput] = mask
	act.Q, act.Low[engine.Q] = l.Proj[engine.Q].Forward(act.Norm1, mask)
	act.K, act.Low[engine.K] = l.Proj[engine.K].Forward(act.Norm1, mask)
	act.V, act.Low[engine.V] = l.Proj[engine.V].Forward(act.Norm1, mask)
	if s.HeadNorm {
		act.RawQ, act.RawK = act.Q, act.K
		act.Q, act.K = RMSNorm(act.RawQ, l.QNorm, s.NormEps), RMSNorm(act.RawK, l.KNorm, s.NormEps)
	}
	Rotate(s, b, act.Q, s.Heads, 1)
	Rotate(s, b, act.K, s.KVHeads, 1)
}

// QKVBackward returns the gradient of act.X through the queries, keys and
// values, whose gradients after RoPE are given. They are not changed.
func (l *Layer) QKVBackward(b *engine.Batch, act *Activations, dq, dk, dv []float64) []float64 {
	s := l.Shape
	dq, dk = append([]float64(nil), dq...), append([]float64(nil), dk...)
	Rotate(s, b, dq, s.Heads, -1)
	Rotate(s, b, dk, s.KVHeads, -1)
	if s.HeadNorm {
		dq, dk = RMSNormBackward(act.RawQ, l.QNorm, s.NormEps, dq), RMSNormBackward(act.RawK, l.KNorm, s.NormEps, dk)
	}
	mask := act.dropoutMask[engine.AttentionInput]
	dnorm := make([]float64, len(act.Norm1))
	l.Proj[engine.Q].Backward(act.Norm1, mask, act.Low[engine.Q], dq, dnorm)
	l.Proj[engine.K].Backward(act.Norm1, mask, act.Low[engine.K], dk, dnorm)
	l.Proj[engine.V].Backward(act.Norm1, mask, act.Low[engine.V], dv, dnorm)
	return RMSNormBackward(act.X, l.AttentionNorm, s.NormEps, dnorm)
}
