package cpu

// #include "kernels.h"
import "C"

import (
	"fmt"

	"daybook/engine"
)

// productStep computes a product and, if heads is set, rotates it.
type productStep struct {
	job    *C.product
	cols   int
	rotate *batch // nil: not
}

func (s *productStep) split() (cols, unit int) { return s.cols, s.unit() }

// unit is the columns that stay together: a panel and, to be rotated, whole heads.
func (s *productStep) unit() int {
	if s.rotate == nil {
		return C.PANEL
	}
	dim := s.rotate.backend.shape.HeadDim
	return C.PANEL / gcd(C.PANEL, dim) * dim
}

func (s *productStep) unpacked() int64 {
	return int64(C.product_depth(s.job)) * int64((s.cols+C.PANEL-1)/C.PANEL*C.PANEL)
}

func (s *productStep) pack(b *Backend, dst *C.float) {
	C.product_pack(b.variant, s.job, 0, C.int64_t(s.cols), dst)
}

func (s *productStep) scratch() int64 { return C.PRODUCT_SCRATCH }

func (s *productStep) work(*Backend) int { return s.cols * int(C.product_depth(s.job)) }

func (s *productStep) run(b *Backend, scratch, packed *C.float, t0, t1, j0, j1 int) {
	C.product_run(b.variant, s.job, packed, C.int64_t(t0), C.int64_t(t1), C.int64_t(j0), C.int64_t(j1), scratch)
	if s.rotate != nil {
		b.rotate(s.rotate, s.job.out, s.cols, 1, t0, t1, j0, j1)
	}
}

// begin empties the product and says where its result goes.
func (s *productStep) begin(out, residual *C.float, cols, ld int) {
	s.cols, s.rotate = cols, nil
	s.job.n = 0
	s.job.out, s.job.residual, s.job.ld = out, residual, C.int64_t(ld)
}

// add appends a term to a product: a, with k columns of ld, times m.
func add(p *C.product, a *C.float, ld, k int, m *C.matrix, byRows bool, scale float32) {
	t := &p.terms[p.n]
	p.n++
	t.a, t.lda, t.k, t.scale, t.m = a, C.int64_t(ld), C.int64_t(k), C.float(scale), *m
	t.by_rows = 0
	if byRows {
		t.by_rows = 1
	}
}

// dense is a float32 matrix of an adapter.
func dense(p *C.float, rows, cols int) C.matrix {
	return C.matrix{format: C.FORMAT_F32, rows: C.int64_t(rows), cols: C.int64_t(cols), ld: C.int64_t(cols), f32: p}
}

// projection sets s to out = residual + W x + Scale B low of projection p.
func (b *Backend) projection(s *productStep, o *operands, bl *engine.Block, p engine.Projection, x *C.float, low engine.Buffer, out, residual *C.float, rows int) {
	outs, ins := p.Dims(b.shape)
	w := o.weight(p.String(), bl.Layer.Proj[p], outs, ins)
	s.begin(out, residual, outs, outs)
	if w == nil {
		return
	}
	add(s.job, x, ins, ins, &w.matrix, false, 1)
	if a := bl.Adapters[p]; a != nil {
		m := dense(o.of(p, "B", a.B, outs*a.Rank), outs, a.Rank)
		add(s.job, o.of(p, "low", low, rows*a.Rank), a.Rank, a.Rank, &m, false, a.Scale)
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
