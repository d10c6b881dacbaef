package cuda

import "daybook/engine"

// QKV implements engine.Backend. Q, K and V lie beside each other and are one
// product. When decoding, Norm1 is left alone, since no backward pass follows.
func (b *Backend) QKV(in engine.DeviceBatch, bl *engine.Block, x engine.Buffer, act *engine.Activations) error {
	return b.run("qkv", func() error {
		d, err := b.loaded(in)
		if err != nil {
			return err
		}
		var o operands
		from, norm := o.matrix("x", x, d.tokens, b.shape.Hidden), o.vector("norm", bl.Layer.AttentionNorm, b.shape.Hidden)
		j := b.joint(&o, d, bl, engine.AttentionInput, "norm1", act.Norm1, act.Low[engine.AttentionInput], false)
		if act.Q == nil {
			return b.normed(d, bl, o, j, from, norm)
		}
		q, k, v := b.queryKeyValue(&o, d, "", act.Q, act.K, act.V)
		out, turned := o.sideBySide("q, k and v", b.size, q, k, v), o.sideBySide("q and k", b.size, q, k)
		if o.err != nil {
			return o.err
		}
		if decodes(d, bl) {
			err = b.decode(j.few(from, norm, matrix{}, q, k, v))
		} else if err = b.rmsnormDropped(d, bl, j.adapters, j.x, from, norm); err == nil {
			err = b.forward(d, bl, j, out, matrix{})
		}
		if err != nil {
			return err
		}
		return b.rotate(d, turned, 1)
	})
}

// normed is QKV without its products: what the backward pass reads besides.
func (b *Backend) normed(d *batch, bl *engine.Block, o operands, j joint, x matrix, norm pointer) error {
	if o.err != nil {
		return o.err
	}
	if err := b.rmsnormDropped(d, bl, j.adapters, j.x, x, norm); err != nil {
		return err
	}
	return b.low(d, bl, j.adapters, j.low, j.x)
}

// QKVBackward implements engine.Backend.
func (b *Backend) QKVBackward(in engine.DeviceBatch, bl *engine.Block, x engine.Buffer, act *engine.Activations, g *engine.Gradients, dst engine.Buffer) error {
	return b.run("qkv backward", func() error {
		d, err := b.loaded(in)
		if err != nil {
			return err
		}
		var o operands
		from, norm := o.matrix("x", x, d.tokens, b.shape.Hidden), o.vector("norm", bl.Layer.AttentionNorm, b.shape.Hidden)
		to := o.matrix("d", dst, d.tokens, b.shape.Hidden)
		j := b.joint(&o, d, bl, engine.AttentionInput, "norm1", act.Norm1, act.Low[engine.AttentionInput], true)
		dj := j.gradient(b, &o, d, "norm1", g.Norm, g.NormLow)
		dq, dk, dv := b.queryKeyValue(&o, d, "gradient of ", g.Q, g.K, g.V)
		dy, turned := o.sideBySide("gradients of q, k and v", b.size, dq, dk, dv), o.sideBySide("gradients of q and k", b.size, dq, dk)
		if o.err != nil {
			return o.err
		}
		if err := b.rotate(d, turned, -1); err != nil {
			return err
		}
		if err := b.backward(d, bl, j, dj, dy, dq, dk, dv); err != nil {
			return err
		}
		if err := b.lowBackward(d, bl, j.adapters, dj.x, dj.low); err != nil {
			return err
		}
		return b.rmsnormBackward(to, from, norm, dj.x)
	})
}

// queryKeyValue returns the matrices of queries, keys and values, or of their gradients.
func (b *Backend) queryKeyValue(o *operands, d *batch, what string, q, k, v engine.Buffer) (mq, mk, mv matrix) {
	return o.matrix(what+"q", q, d.tokens, b.shape.QDim()), o.matrix(what+"k", k, d.tokens, b.shape.KVDim()), o.matrix(what+"v", v, d.tokens, b.shape.KVDim())
}
