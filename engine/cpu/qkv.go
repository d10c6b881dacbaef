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
	j.norm = normStep{
		x:      o.floats("x", x, t*s.Hidden),
		weight: o.floats("norm", bl.Layer.AttentionNorm, s.Hidden),
		y:      o.floats("norm1", act.Norm1, t*s.Hidden),
	}
	o.input(j.low.job, b, d, bl, engine.AttentionInput, j.norm.y, &act.Low, attentionInputs)
	q, k, v := &j.products[0], &j.products[1], &j.products[2]
	b.projection(q, &o, bl, engine.Q, j.norm.y, act.Low[engine.Q], o.floats("q", act.Q, t*s.QDim()), nil, t)
	b.projection(k, &o, bl, engine.K, j.norm.y, act.Low[engine.K], o.floats("k", act.K, t*s.KVDim()), nil, t)
	b.projection(v, &o, bl, engine.V, j.norm.y, act.Low[engine.V], o.floats("v", act.V, t*s.KVDim()), nil, t)
	q.rotate, k.rotate = d, d
	if o.err == nil {
		o.err = b.steps(t, &j.norm, &j.low, q, k, v)
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
	t, s, j := d.Tokens(), b.shape, &b.jobs
	var o operands
	dq, dk, dv := o.floats("gradient of q", g.Q, t*s.QDim()), o.floats("gradient of k", g.K, t*s.KVDim()), o.floats("gradient of v", g.V, t*s.KVDim())
	norm := o.floats("gradient of norm1", g.Norm, t*s.Hidden)
	j.rmsnorm = normBackwardStep{
		x: o.floats("x", x, t*s.Hidden), weight: o.floats("norm", bl.Layer.AttentionNorm, s.Hidden),
		dy: norm, dx: o.floats("d", dst, t*s.Hidden),
	}
	input := o.floats("norm1", act.Norm1, t*s.Hidden)
	if o.err == nil {
		j.rotate = rotateStep{batch: d, q: dq, k: dk, sign: -1}
		o.err = b.steps(t, &j.rotate)
	}
	if o.err == nil {
		j.backward.gated = false
		o.err = b.inputBackward(&o, d, bl, engine.AttentionInput, input, norm, &act.Low,
			gradient{engine.Q, dq}, gradient{engine.K, dk}, gradient{engine.V, dv})
	}
	if o.err == nil {
		o.err = b.steps(t, &j.rmsnorm)
	}
	return wrap("qkv backward", o.err)
}

// rotateStep turns q and k by their positions.
type rotateStep struct {
	rowStep
	batch *batch
	q, k  *C.float
	sign  float32
}

func (s *rotateStep) work(b *Backend) int { return 16 * b.shape.QDim() }

func (s *rotateStep) run(b *Backend, _, _ *C.float, t0, t1, _, _ int) {
	b.rotate(s.batch, s.q, b.shape.QDim(), s.sign, t0, t1, 0, b.shape.QDim())
	b.rotate(s.batch, s.k, b.shape.KVDim(), s.sign, t0, t1, 0, b.shape.KVDim())
}

// wrap names the operation of an error.
func wrap(operation string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", operation, err)
}
