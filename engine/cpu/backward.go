package cpu

// #include "kernels.h"
import "C"

import (
	"errors"
	"fmt"

	"daybook/engine"
)

var errNoGradients = errors.New("adapter has no gradients")

// gradient is one projection with the gradient of its output.
type gradient struct {
	p  engine.Projection
	dy *C.float // (T, out)
}

// inputBackward is the backward pass of the projections that read one input, x:
// it adds to the gradients of their adapters, and sets dx, unless it is nil, to
// the gradient of x.
// If gated, x is what SwiGLU made, as jobs.backward.glu says, and the gradients
// of gate and up follow.
func (b *Backend) inputBackward(o *operands, d *batch, bl *engine.Block, in engine.Input, x, dx *C.float, gated bool, low *[engine.NumInputs]engine.Buffer, from ...gradient) error {
	j := b.jobs.backward
	t := d.Tokens()
	_, cols := from[0].p.Dims(b.shape)
	j.rows, j.n, j.gated = C.int64_t(t), 0, 0
	if gated {
		j.gated = 1
	}
	begin(&j.base, dx, nil, cols, cols)
	var order [C.SHARED]engine.Projection
	for i, g := range from {
		outs, ins := g.p.Dims(b.shape)
		order[i] = g.p
		if w := o.weight(g.p.String(), bl.Layer.Proj[g.p], outs, ins); w != nil {
			add(&j.base, g.dy, outs, &w.matrix, true, 1)
		}
	}
	o.input(&j.in, b, d, bl, in, x, low, order[:len(from)])
	if o.err != nil {
		return o.err
	}
	if err := b.lowGradients(o, bl, t, from); err != nil {
		return err
	}
	if err := b.pool.reserve(C.input_gradients_scratch(j)); err != nil {
		return err
	}
	C.input_gradients_run(b.pool.pool, b.variant, j)
	return nil
}

// lowGradients computes the gradients of low of all adapted projections, side by
// side, and describes the projections to jobs.backward.
func (b *Backend) lowGradients(o *operands, bl *engine.Block, rows int, from []gradient) error {
	j := b.jobs.backward
	dlow, err := b.low.floats(int64(rows) * int64(j.in.rank))
	if err != nil {
		return err
	}
	j.in.dlow = address(dlow)
	var steps [C.SHARED]C.step
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
		pair, out, product := &j.in.pairs[j.n], &j.outputs[j.n], b.jobs.products[j.n]
		pair.grad_a = o.of(g.p, "gradient of A", a.GradA, a.Rank*ins)
		out.dy, out.low, out.cols, out.rank, out.scale = g.dy, pair.low, C.int64_t(outs), pair.rank, C.float(a.Scale)
		out.grad_b = o.of(g.p, "gradient of B", a.GradB, outs*a.Rank)
		m := dense(o.of(g.p, "B", a.B, outs*a.Rank), outs, a.Rank)
		begin(product, offset(j.in.dlow, at), nil, a.Rank, int(j.in.rank))
		add(product, g.dy, outs, &m, true, a.Scale)
		steps[j.n] = productStep(product)
		j.n++
		at += a.Rank
	}
	if o.err != nil || j.n == 0 {
		return o.err
	}
	return b.steps(rows, steps[:j.n]...)
}
