package cpu

// #include "kernels.h"
import "C"

import (
	"fmt"

	"daybook/engine"
)

// begin empties p and says where its result goes.
func begin(p *C.product, out, residual *C.float, cols, ld int) {
	p.n, p.turn.dim, p.bias = 0, 0, nil
	p.out, p.residual, p.cols, p.ld = out, residual, C.int64_t(cols), C.int64_t(ld)
}

// add appends a term to p: a, with k columns, times m.
func add(p *C.product, a *C.float, k int, m *C.matrix, byRows bool, scale float32) {
	t := &p.terms[p.n]
	p.n++
	t.a, t.lda, t.k, t.scale, t.m = a, C.int64_t(k), C.int64_t(k), C.float(scale), *m
	t.by_rows = 0
	if byRows {
		t.by_rows = 1
	}
}

// dense is a float32 matrix of an adapter.
func dense(p *C.float, rows, cols int) C.matrix {
	return C.matrix{format: C.FORMAT_F32, rows: C.int64_t(rows), cols: C.int64_t(cols), ld: C.int64_t(cols), f32: p}
}

// projection sets job to out = residual + W x + Scale B low + bias of projection p.
func (b *Backend) projection(job *C.product, o *operands, bl *engine.Block, p engine.Projection, x *C.float, low *[engine.NumInputs]engine.Buffer, out, residual *C.float, rows int) {
	outs, ins := p.Dims(b.shape)
	w := o.weight(p.String(), bl.Layer.Proj[p], outs, ins)
	begin(job, out, residual, outs, outs)
	if w == nil {
		return
	}
	if p.HasBias(b.shape) {
		job.bias = o.of(p, "bias", bl.Layer.Bias[p], outs)
	}
	add(job, x, ins, &w.matrix, false, 1)
	if a := bl.Adapters[p]; a != nil {
		m := dense(o.of(p, "B", a.B, outs*a.Rank), outs, a.Rank)
		add(job, o.low(bl, p, low, rows), a.Rank, &m, false, a.Scale)
	}
}

// weight returns w, which must have the dimensions given.
func (o *operands) weight(name string, w engine.Weight, rows, cols int) *weight {
	own, ok := w.(*weight)
	if o.err != nil {
		return nil
	}
	if !ok || own == nil {
		o.err = fmt.Errorf("%s: weight: %w", name, errForeign)
		return nil
	}
	if r, c := own.Dims(); r != rows || c != cols {
		o.err = fmt.Errorf("%s: weight is %d by %d, want %d by %d", name, r, c, rows, cols)
		return nil
	}
	return own
}
