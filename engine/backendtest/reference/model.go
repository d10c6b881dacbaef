package reference

import "daybook/engine"

// Forward runs all layers and returns their activations; the last one's Y goes
// to the head.
func (m *Model) Forward(b *engine.Batch) []*Activations {
	x := Embed(m.Shape, b, m.Embedding)
	acts := make([]*Activations, len(m.Layers))
	for i, l := range m.Layers {
		acts[i] = l.Forward(b, x)
		x = acts[i].Y
	}
	return acts
}

// Forward runs one layer.
func (l *Layer) Forward(b *engine.Batch, x []float64) *Activations {
	act := &Activations{X: x}
	l.QKV(b, act)
	Attention(l.Shape, b, act)
	l.Output(b, act)
	l.MLP(b, act)
	return act
}

// Backward runs one layer backwards: from the gradient of Y to that of X.
func (l *Layer) Backward(b *engine.Batch, act *Activations, dy []float64) []float64 {
	dmid := l.MLPBackward(b, act, dy)
	do := l.OutputBackward(b, act, dmid)
	dq, dk, dv := AttentionBackward(l.Shape, b, act, do)
	for i, v := range l.QKVBackward(b, act, dq, dk, dv) {
		dmid[i] += v
	}
	return dmid
}

// Step adds the gradients of scale*sum(nll) to the adapters and returns the
// nll of every token and the gradient of the embedded tokens.
func (m *Model) Step(b *engine.Batch, scale float64) (nll, dx []float64) {
	acts := m.Forward(b)
	nll, _, dx = m.Head.Loss(b, acts[len(acts)-1].Y, scale)
	for i := len(acts) - 1; i >= 0; i-- {
		dx = m.Layers[i].Backward(b, acts[i], dx)
	}
	return nll, dx
}
