package cuda

import "daybook/engine"

// Output implements engine.Backend.
func (b *Backend) Output(in engine.DeviceBatch, bl *engine.Block, x engine.Buffer, act *engine.Activations) error {
	return b.run("output", func() error {
		d, err := b.loaded(in)
		if err != nil {
			return err
		}
		var o operands
		residual, mid := o.matrix("x", x, d.tokens, b.shape.Hidden), o.matrix("mid", act.Mid, d.tokens, b.shape.Hidden)
		j := b.joint(&o, d, bl, engine.OutputInput, "o", act.O, act.Low[engine.OutputInput], false)
		if o.err != nil {
			return o.err
		}
		if decodes(d, bl) {
			return b.decode(j.few(j.x, 0, residual, mid))
		}
		return b.forward(d, bl, j, mid, residual)
	})
}

// OutputBackward implements engine.Backend.
func (b *Backend) OutputBackward(in engine.DeviceBatch, bl *engine.Block, act *engine.Activations, g *engine.Gradients, dst engine.Buffer) error {
	return b.run("output backward", func() error {
		d, err := b.loaded(in)
		if err != nil {
			return err
		}
		var o operands
		dy := o.matrix("d", dst, d.tokens, b.shape.Hidden)
		j := b.joint(&o, d, bl, engine.OutputInput, "o", act.O, act.Low[engine.OutputInput], true)
		dj := j.gradient(b, &o, d, "o", g.O, g.OLow)
		if o.err != nil {
			return o.err
		}
		if err := b.backward(d, bl, j, dj, dy, dy); err != nil {
			return err
		}
		return b.lowBackward(d, bl, j.adapters, dj.x, dj.low)
	})
}
