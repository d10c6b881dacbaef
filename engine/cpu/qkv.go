package cpu

// #include "kernels.h"
import "C"

import (
	"fmt"

	"daybook/engine"
)

var attentionInputs = []engine.Projection{engine.Q, engine.K, engine.V}

// QKV implements engine.Backend.
func (b *Backend) QKV(in engine.DeviceBatch, bl *engine.Block, x engine.Buffer, act *engine.Activations) error {
	defer keep(b, in, bl, x, act)
	d, err := b.loaded(in)
	if err != nil {
		return fmt.Errorf("qkv: %w", err)
	}
	t, s, j := d.Tokens(), b.shape, &b.jobs
	var o operands
	norm1 := o.floats("norm1", act.Norm1, t*s.Hidden)
	norm := b.norm(o.floats("x", x, t*s.Hidden), o.floats("norm", bl.Layer.AttentionNorm, s.Hidden), norm1)
	o.input(j.low[0], b, d, bl, engine.AttentionInput, norm1, &act.Low, attentionInputs)
	if act.Q == nil {
		if o.err == nil {
			o.err = b.steps(t, norm, loraStep(j.low[0]))
		}
		return wrap("qkv", o.err)
	}
	q, k, v := j.products[0], j.products[1], j.products[2]
	outQ, outK := o.floats("q", act.Q, t*s.QDim()), o.floats("k", act.K, t*s.KVDim())
	b.projection(v, &o, bl, engine.V, norm1, &act.Low, o.floats("v", act.V, t*s.KVDim()), nil, t)
	if s.HeadNorm {
		heads := b.headNorm(&o, bl.Layer, act, t, outQ, outK)
		b.projection(q, &o, bl, engine.Q, norm1, &act.Low, o.floats("raw q", act.RawQ, t*s.QDim()), nil, t)
		b.projection(k, &o, bl, engine.K, norm1, &act.Low, o.floats("raw k", act.RawK, t*s.KVDim()), nil, t)
		if o.err == nil {
			o.err = b.steps(t, norm, loraStep(j.low[0]), productStep(q), productStep(k), productStep(v),
				headNormStep(heads), b.rotate(d, outQ, outK, 1))
		}
		return wrap("qkv", o.err)
	}
	b.projection(q, &o, bl, engine.Q, norm1, &act.Low, outQ, nil, t)
	b.projection(k, &o, bl, engine.K, norm1, &act.Low, outK, nil, t)
	q.turn = b.rotation(d, 1)
	k.turn = q.turn
	if o.err == nil {
		o.err = b.steps(t, norm, loraStep(j.low[0]), productStep(q), productStep(k), productStep(v))
	}
	return wrap("qkv", o.err)
}

// QKVBackward implements engine.Backend.
func (b *Backend) QKVBackward(in engine.DeviceBatch, bl *engine.Block, x engine.Buffer, act *engine.Activations, g *engine.Gradients, dst engine.Buffer) error {
	defer keep(b, in, bl, x, act, g, dst)
	d, err := b.loaded(in)
	if err != nil {
		return fmt.Errorf("qkv backward: %w", err)
	}
	t, s := d.Tokens(), b.shape
	var o operands
	dq, dk, dv := o.floats("gradient of q", g.Q, t*s.QDim()), o.floats("gradient of k", g.K, t*s.KVDim()), o.floats("gradient of v", g.V, t*s.KVDim())
	dnorm := o.floats("gradient of norm1", g.Norm, t*s.Hidden)
	norm := b.normBackward(o.floats("x", x, t*s.Hidden), o.floats("norm", bl.Layer.AttentionNorm, s.Hidden), dnorm, o.floats("d", dst, t*s.Hidden))
	input := o.floats("norm1", act.Norm1, t*s.Hidden)
	before := append(make([]C.step, 0, 2), b.rotate(d, dq, dk, -1))
	if s.HeadNorm {
		before = append(before, headNormBackwardStep(b.headNorm(&o, bl.Layer, act, t, dq, dk)))
	}
	if bl.FrozenInput {
		dnorm = nil
	}
	if o.err == nil {
		o.err = b.steps(t, before...)
	}
	if o.err == nil {
		o.err = b.inputBackward(&o, d, bl, engine.AttentionInput, input, dnorm, false, &act.Low,
			gradient{engine.Q, dq}, gradient{engine.K, dk}, gradient{engine.V, dv})
	}
	if o.err == nil && !bl.FrozenInput {
		o.err = b.steps(t, norm)
	}
	return wrap("qkv backward", o.err)
}

// wrap names the operation of an error.
func wrap(operation string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", operation, err)
}
