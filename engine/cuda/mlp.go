package cuda

import "daybook/engine"

// MLP implements engine.Backend. Gate and Up lie beside each other and are one
// product. Without y it ends before the last product. When decoding, it leaves
// nothing for a backward pass.
func (b *Backend) MLP(in engine.DeviceBatch, bl *engine.Block, act *engine.Activations, y engine.Buffer) error {
	return b.run("mlp", func() error {
		d, err := b.loaded(in)
		if err != nil {
			return err
		}
		var o operands
		mid, norm := o.matrix("mid", act.Mid, d.tokens, b.shape.Hidden), o.vector("norm", bl.Layer.MLPNorm, b.shape.Hidden)
		j := b.joint(&o, d, bl, engine.MLPInput, "norm2", act.Norm2, act.Low[engine.MLPInput], false)
		gate, up := b.gated(&o, d, "", act.Gate, act.Up)
		out := o.sideBySide("gate and up", b.size, gate, up)
		down := b.joint(&o, d, bl, engine.DownInput, "down", act.Down, act.Low[engine.DownInput], false)
		var to matrix
		if y != nil {
			to = o.matrix("y", y, d.tokens, b.shape.Hidden)
		}
		if o.err != nil {
			return o.err
		}
		if decodes(d, bl) && y != nil {
			gated := j.few(mid, norm, matrix{}, down.x)
			gated.gated = true
			if err := b.decode(gated); err != nil {
				return err
			}
			return b.decode(down.few(down.x, 0, mid, to))
		}
		if err := b.rmsnormDropped(d, bl, j.adapters, j.x, mid, norm); err != nil {
			return err
		}
		if err := b.forward(d, bl, j, out, matrix{}); err != nil {
			return err
		}
		if err := b.lowSwiglu(d, bl, down.adapters, down.x, down.low, gate, up); err != nil || y == nil {
			return err
		}
		return b.project(down, to, mid)
	})
}

// MLPBackward implements engine.Backend.
func (b *Backend) MLPBackward(in engine.DeviceBatch, bl *engine.Block, act *engine.Activations, g *engine.Gradients, dst engine.Buffer) error {
	return b.run("mlp backward", func() error {
		d, err := b.loaded(in)
		if err != nil {
			return err
		}
		var o operands
		mid, norm := o.matrix("mid", act.Mid, d.tokens, b.shape.Hidden), o.vector("norm", bl.Layer.MLPNorm, b.shape.Hidden)
		dy := o.matrix("d", dst, d.tokens, b.shape.Hidden)
		down := b.joint(&o, d, bl, engine.DownInput, "down", act.Down, act.Low[engine.DownInput], true)
		ddown := down.gradient(b, &o, d, "down", g.Down, g.DownLow)
		gate, up := b.gated(&o, d, "", act.Gate, act.Up)
		dgate, dup := b.gated(&o, d, "gradient of ", g.Gate, g.Up)
		dout := o.sideBySide("gradients of gate and up", b.size, dgate, dup)
		j := b.joint(&o, d, bl, engine.MLPInput, "norm2", act.Norm2, act.Low[engine.MLPInput], true)
		dj := j.gradient(b, &o, d, "norm2", g.Norm, g.NormLow)
		if o.err != nil {
			return o.err
		}
		if !b.lies(j) {
			if _, err := b.roomFor(j); err != nil {
				return err
			}
		}
		if err := b.inputGradient(down, ddown, dy); err != nil {
			return err
		}
		if down.adapters.width() > 0 {
			if err := b.gradB(down.adapters, down.low, dy); err != nil {
				return err
			}
		}
		err = b.middleBackward(d, bl, down.adapters, j.adapters, middle{
			dgate: dgate, dup: dup, gate: gate, up: up, y: down.x, dy: ddown.x, dlow: ddown.low, low: j.low,
		})
		if err != nil {
			return err
		}
		if err := b.inputGradient(j, dj, dout); err != nil {
			return err
		}
		if err := b.gradA(d, bl, j.adapters, dj.low, j.x); err != nil {
			return err
		}
		if err := b.lowBackward(d, bl, j.adapters, dj.x, dj.low); err != nil {
			return err
		}
		return b.rmsnormBackward(dy, mid, norm, dj.x)
	})
}

// gated returns the matrices of gate and up, or of their gradients.
func (b *Backend) gated(o *operands, d *batch, what string, gate, up engine.Buffer) (mg, mu matrix) {
	return o.matrix(what+"gate", gate, d.tokens, b.shape.Intermediate), o.matrix(what+"up", up, d.tokens, b.shape.Intermediate)
}
