package cpu

// #include "kernels.h"
import "C"

import (
	"fmt"
	"math"

	"daybook/engine"
)

// attentionJob is attention over the documents of a batch: one task for each
// document and key-value head.
type attentionJob struct {
	kind  attentionKind
	batch *batch
	run   func(w *worker, task int)
}

type attentionKind int

const (
	attentionForward attentionKind = iota
	attentionBackward
	attentionCached
)

func (j *attentionJob) task(b *Backend, w *worker, task int) {
	doc, head := task/b.shape.KVHeads, C.int64_t(task%b.shape.KVHeads)
	t0 := C.int64_t(j.batch.starts[doc])
	n := C.int64_t(j.batch.starts[doc+1]) - t0
	switch j.kind {
	case attentionForward:
		C.attention_forward(b.variant, b.jobs.attention, t0, n, head, w.floats())
	case attentionBackward:
		C.attention_backward(b.variant, b.jobs.attention, t0, n, head, w.floats())
	case attentionCached:
		C.attention_cached(b.variant, b.jobs.attention, b.jobs.cache, C.int64_t(j.batch.slots[doc]), t0, n, C.int64_t(j.batch.first[doc]), head, w.floats())
	}
}

// attention sets what the tasks of every kind share.
func (b *Backend) attention(o *operands, d *batch, act *engine.Activations) *C.attention {
	t, s, a := d.Tokens(), b.shape, b.jobs.attention
	a.tokens, a.heads, a.kv_heads, a.dim = C.int64_t(t), C.int64_t(s.Heads), C.int64_t(s.KVHeads), C.int64_t(s.HeadDim)
	a.scale = C.float(1 / math.Sqrt(float64(s.HeadDim)))
	a.q, a.k, a.v = o.floats("q", act.Q, t*s.QDim()), o.floats("k", act.K, t*s.KVDim()), o.floats("v", act.V, t*s.KVDim())
	a.o, a.lse = o.floats("o", act.O, t*s.QDim()), o.floats("lse", act.LSE, t*s.Heads)
	return a
}

// longest returns the most tokens that a document has.
func (d *batch) longest() int {
	n := 0
	for i := range d.documents() {
		n = max(n, int(d.starts[i+1]-d.starts[i]))
	}
	return n
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
		o.err = b.attend(d, attentionForward, int64(C.attention_scratch(C.int64_t(d.longest()), C.int64_t(b.shape.HeadDim), 0)))
	}
	return wrap("attention", o.err)
}

func (b *Backend) attend(d *batch, kind attentionKind, floats int64) error {
	j := &b.jobs.attend
	j.kind, j.batch = kind, d
	tasks, work := d.documents()*b.shape.KVHeads, 0
	for i, first := range d.first {
		n := int(d.starts[i+1] - d.starts[i])
		work += n * (n + int(first)) * b.shape.QDim()
	}
	if work < minWork {
		return b.pool.alone(tasks, floats, j.run)
	}
	return b.pool.each(tasks, floats, j.run)
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
		o.err = b.attend(d, attentionBackward, int64(C.attention_scratch(C.int64_t(d.longest()), C.int64_t(b.shape.HeadDim), 1)))
	}
	return wrap("attention backward", o.err)
}
