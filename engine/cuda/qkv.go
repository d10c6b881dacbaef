package cuda

import "daybook/engine"

// QKV implements engine.Backend. Q, K and V lie beside each other and are one
// product; with the norm of heads it is RawQ, RawK and V. When decoding, Norm1 is
// left alone, since no backward pass follows.
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
		normQ, normK, v := b.queryKeyValue(&o, d, "", act.Q, act.K, act.V)
		turned := o.sideBySide("q and k", b.size, normQ, normK)
		q, k := normQ, normK
		if b.shape.HeadNorm {
			q, k, _ = b.queryKeyValue(&o, d, "raw ", act.RawQ, act.RawK, act.V)
		}
		out, heads := o.sideBySide("q, k and v", b.size, q, k, v), b.headWeights(&o, bl.Layer)
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
		for i, x := range []matrix{q, k, v} {
			if b.shape.QKVBias {
				if err := b.addBias(x, heads.bias[i]); err != nil {
					return err
				}
			}
		}
		if b.shape.HeadNorm {
			if err := b.headNorm(normQ, q, heads.q); err != nil {
				return err
			}
			if err := b.headNorm(normK, k, heads.k); err != nil {
				return err
			}
		}
		return b.rotate(d, turned, 1)
	})
}

// headWeights are the vectors that some families have between the products and RoPE.
type headWeights struct {
	bias [3]pointer // of q, k and v
	q, k pointer    // norms of heads
}

// headWeights returns those that the shape calls for.
func (b *Backend) headWeights(o *operands, l *engine.Layer) (w headWeights) {
	if b.shape.QKVBias {
		for i, p := range engine.AttentionInput.Projections() {
			rows, _ := p.Dims(b.shape)
			w.bias[i] = o.vector("bias of "+p.String(), l.Bias[p], rows)
		}
	}
	if b.shape.HeadNorm {
		w.q, w.k = o.vector("q norm", l.QNorm, b.shape.HeadDim), o.vector("k norm", l.KNorm, b.shape.HeadDim)
	}
	return w
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
		var q, k matrix
		if b.shape.HeadNorm {
			q, k, _ = b.queryKeyValue(&o, d, "raw ", act.RawQ, act.RawK, g.V)
		}
		heads := b.headWeights(&o, bl.Layer)
		if o.err != nil {
			return o.err
		}
		if err := b.rotate(d, turned, -1); err != nil {
			return err
		}
		if b.shape.HeadNorm {
			if err := b.headNormBackward(dq, q, heads.q); err != nil {
				return err
			}
			if err := b.headNormBackward(dk, k, heads.k); err != nil {
				return err
			}
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
