package reference

import "daybook/engine"

// Output sets Mid = X + o_proj(O).
func (l *Layer) Output(b *engine.Batch, act *Activations) {
	mask := Mask(b, l.Dropout, l.Index, engine.OutputInput, l.Shape.QDim())
	act.dropoutMask[engine.OutputInput] = mask
	act.Mid, act.Low[engine.O] = l.Proj[engine.O].Forward(act.O, mask)
	for i, v := range act.X {
		act.Mid[i] += v
	}
}

// OutputBackward returns the gradient of O, given that of Mid, which is also
// the residual's part of the gradient of X.
func (l *Layer) OutputBackward(_ *engine.Batch, act *Activations, dmid []float64) []float64 {
	do := make([]float64, len(act.O))
	l.Proj[engine.O].Backward(act.O, act.dropoutMask[engine.OutputInput], act.Low[engine.O], dmid, do)
	return do
}
