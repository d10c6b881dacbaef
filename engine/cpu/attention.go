package cpu

// #include "kernels.h"
import "C"

import (
	"fmt"
	"math"

	"daybook/engine"
)

// attention sets what the tasks of every kind share.
func (b *Backend) attention(o *operands, d *batch, act *engine.Activations) *C.attention {
	t, s, a := d.Tokens(), b.shape, b.jobs.attention
	a.tokens, a.heads, a.kv_heads, a.dim = C.int64_t(t), C.int64_t(s.Heads), C.int64_t(s.KVHeads), C.int64_t(s.HeadDim)
	a.scale, a.window = C.float(1/math.Sqrt(float64(s.HeadDim))), C.int64_t(s.Window)
	a.q, a.k, a.v = o.floats("q", act.Q, t*s.QDim()), o.floats("k", act.K, t*s.KVDim()), o.floats("v", act.V, t*s.KVDim())
	a.o, a.lse = o.floats("o", act.O, t*s.QDim()), o.floats("lse", act.LSE, t*s.Heads)
	return a
}

// attend computes the attention of every document and head of d; see kernels.h.
func (b *Backend) attend(d *batch, kind C.int, cache *C.cache_layer) error {
	a, docs := b.jobs.attention, b.documents(d)
	if err := b.pool.reserve(C.attention_scratch(kind, a, docs, cache)); err != nil {
		return err
	}
	C.attention_run(b.pool.pool, b.variant, kind, a, docs, cache)
	return nil
}

// documents describes those of d to kernels.
func (b *Backend) documents(d *batch) *C.documents {
	j := b.jobs.documents
	j.n = C.int64_t(d.documents())
	j.starts, j.first, j.slots = (*C.int32_t)(&d.starts[0]), (*C.int32_t)(&d.first[0]), nil
	if len(d.slots) > 0 {
		j.slots = (*C.int32_t)(&d.slots[0])
	}
	return j
}

// Attention implements engine.Backend.
func (b *Backend) Attention(in engine.DeviceBatch, act *engine.Activations) error {
	defer keep(b, in, act)
	d, err := b.loaded(in)
	if err != nil {
		return fmt.Errorf("attention: %w", err)
	}
	var o operands
	b.attention(&o, d, act)
	if o.err == nil {
		o.err = b.attend(d, C.ATTENTION_FORWARD, nil)
	}
	return wrap("attention", o.err)
}

// AttentionBackward implements engine.Backend.
func (b *Backend) AttentionBackward(in engine.DeviceBatch, act *engine.Activations, g *engine.Gradients) error {
	defer keep(b, in, act, g)
	d, err := b.loaded(in)
	if err != nil {
		return fmt.Errorf("attention backward: %w", err)
	}
	var o operands
	a, t := b.attention(&o, d, act), d.Tokens()
	a.d_o, a.dq = o.floats("gradient of o", g.O, t*b.shape.QDim()), o.floats("gradient of q", g.Q, t*b.shape.QDim())
	a.dk, a.dv = o.floats("gradient of k", g.K, t*b.shape.KVDim()), o.floats("gradient of v", g.V, t*b.shape.KVDim())
	if o.err == nil {
		o.err = b.attend(d, C.ATTENTION_BACKWARD, nil)
	}
	return wrap("attention backward", o.err)
}
