package cpu

// #include "kernels.h"
import "C"

import (
	"errors"
	"fmt"

	"daybook/engine"
)

// lowStep computes what the adapters of one input share: low = A dropout(x).
type lowStep struct {
	job *C.lora_input
}

func (s *lowStep) split() (cols, unit int) { return 0, 0 }
func (s *lowStep) unpacked() int64         { return int64(C.lora_packed(s.job)) }
func (s *lowStep) pack(b *Backend, dst *C.float) {
	if s.job.n > 0 {
		C.lora_pack(b.variant, s.job, dst)
	}
}

// scratch has room for packed weights too, for want of which run makes them.
func (s *lowStep) scratch() int64 { return s.unpacked() + int64(C.lora_down_scratch(s.job)) }

func (s *lowStep) work(*Backend) int { return int(s.job.cols * s.job.rank) }

func (s *lowStep) run(b *Backend, scratch, packed *C.float, t0, t1, _, _ int) {
	if s.job.n == 0 || t0 == t1 {
		return
	}
	if packed == nil {
		packed, scratch = scratch, offset(scratch, int(s.unpacked()))
		s.pack(b, packed)
	}
	C.lora_down(b.variant, s.job, packed, C.int64_t(t0), C.int64_t(t1), scratch)
}

// input describes the adapted projections of an input to job; it leaves n at 0 if
// there are none.
func (o *operands) input(job *C.lora_input, b *Backend, d *batch, bl *engine.Block, in engine.Input, x *C.float, low *[engine.NumProjections]engine.Buffer, projections []engine.Projection) {
	job.n, job.rank, job.cols = 0, 0, 0
	for _, p := range projections {
		a := bl.Adapters[p]
		if a == nil {
			continue
		}
		if a.Rank < 1 {
			o.err = fmt.Errorf("%s: adapter of rank %d", p, a.Rank)
			return
		}
		_, ins := p.Dims(b.shape)
		pair := &job.pairs[job.n]
		job.n++
		pair.rank = C.int64_t(a.Rank)
		pair.a = o.of(p, "A", a.A, a.Rank*ins)
		pair.low = o.of(p, "low", low[p], d.Tokens()*a.Rank)
		pair.grad_a = nil
		job.rank += pair.rank
		job.cols = C.int64_t(ins)
	}
	if job.n > 0 {
		job.x, job.dlow = x, nil
		job.drop = o.dropout(d, bl, in)
	}
}

var errNoGradients = errors.New("adapter has no gradients")

// inputBackward is the backward pass of the projections that read one input:
// gradients of the adapters and of the input.
type inputBackward struct {
	input  *C.lora_input
	base   *C.product // the frozen part of the input's gradient
	cols   int
	run    func(w *worker, task int)
	rows   int
	swiglu *C.swiglu_gradients
	gated  bool // the input is what SwiGLU made: go on to the gradients of gate and up

	outputs [C.SHARED]output
	n       int
	panels  int // tasks that compute columns of the input's gradient
	unit    int
}

// output is what inputBackward knows of one adapted projection.
type output struct {
	dy, low, gradB *C.float
	cols, rank     int
	scale          float32
	tasks          int
}

// gradient is one projection with the gradient of its output.
type gradient struct {
	p  engine.Projection
	dy *C.float // (T, out)
}

// inputBackward adds to the gradients of the adapters that read x, and sets dx
// to the gradient of x.
func (b *Backend) inputBackward(o *operands, d *batch, bl *engine.Block, in engine.Input, x, dx *C.float, low *[engine.NumProjections]engine.Buffer, from ...gradient) error {
	j := &b.jobs.backward
	t := d.Tokens()
	_, j.cols = from[0].p.Dims(b.shape)
	j.rows, j.n = t, 0
	j.base.n, j.base.out, j.base.residual, j.base.ld = 0, dx, nil, C.int64_t(j.cols)
	var order [C.SHARED]engine.Projection
	for i, g := range from {
		outs, ins := g.p.Dims(b.shape)
		order[i] = g.p
		if w := o.weight(g.p.String(), bl.Layer.Proj[g.p], outs, ins); w != nil {
			add(j.base, g.dy, outs, outs, &w.matrix, true, 1)
		}
	}
	o.input(j.input, b, d, bl, in, x, low, order[:len(from)])
	if o.err != nil {
		return o.err
	}
	dlow, err := b.low.floats(int64(t) * int64(j.input.rank))
	if err != nil {
		return err
	}
	j.input.dlow = address(dlow)

	// Gradients of low, side by side.
	at := 0
	for _, g := range from {
		a := bl.Adapters[g.p]
		if a == nil {
			continue
		}
		if a.GradA == nil || a.GradB == nil {
			return fmt.Errorf("%s: %w", g.p, errNoGradients)
		}
		outs, ins := g.p.Dims(b.shape)
		pair, out, product := &j.input.pairs[j.n], &j.outputs[j.n], &b.jobs.products[j.n]
		j.n++
		pair.grad_a = o.of(g.p, "gradient of A", a.GradA, a.Rank*ins)
		*out = output{
			dy: g.dy, low: pair.low, cols: outs, rank: a.Rank, scale: a.Scale,
			gradB: o.of(g.p, "gradient of B", a.GradB, outs*a.Rank),
		}
		m := dense(o.of(g.p, "B", a.B, outs*a.Rank), outs, a.Rank)
		product.begin(offset(j.input.dlow, at), nil, a.Rank, int(j.input.rank))
		add(product.job, g.dy, outs, outs, &m, true, a.Scale)
		at += a.Rank
	}
	if o.err != nil {
		return o.err
	}
	for i := range j.n {
		if err := b.steps(t, &b.jobs.products[i]); err != nil {
			return err
		}
	}
	return j.columns(b)
}

// columns computes what needs all rows of some columns: the gradients of the
// input and of A by columns of the input, those of B by columns of the outputs.
func (j *inputBackward) columns(b *Backend) error {
	threads := b.pool.threads()
	j.panels = min((j.cols+C.PANEL-1)/C.PANEL, threads)
	tasks := j.panels
	for i := range j.n {
		o := &j.outputs[i]
		o.tasks = min((o.cols+C.PANEL-1)/C.PANEL, threads)
		tasks += o.tasks
	}
	floats := int64(C.input_scratch(j.input))
	for i := range j.n {
		floats = max(floats, int64(C.lora_grad_b_scratch(C.int64_t(j.outputs[i].rank))))
	}
	return b.pool.each(tasks, floats, j.run)
}

func (j *inputBackward) task(b *Backend, w *worker, task int) {
	if task < j.panels {
		j.panel(b, w, task)
		return
	}
	task -= j.panels
	for i := range j.n {
		o := &j.outputs[i]
		if task >= o.tasks {
			task -= o.tasks
			continue
		}
		n0, n1 := share(task, o.tasks, o.cols, C.PANEL)
		C.lora_grad_b(b.variant, o.dy, C.int64_t(o.cols), o.low, C.int64_t(o.rank), C.float(o.scale), o.gradB,
			C.int64_t(j.rows), C.int64_t(n0), C.int64_t(n1), w.floats())
		return
	}
}

func (j *inputBackward) panel(b *Backend, w *worker, task int) {
	j0, j1 := share(task, j.panels, j.cols, C.PANEL)
	swiglu := j.swiglu
	if !j.gated {
		swiglu = nil
	}
	C.input_backward(b.variant, j.input, j.base, swiglu, C.int64_t(j.rows), C.int64_t(j0), C.int64_t(j1), w.floats())
}
