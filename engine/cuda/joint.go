package cuda

import (
	"fmt"

	"daybook/engine"
)

// joint is the projections of a layer that read one input, with their adapters,
// as one matrix product: the input has A dropout(x) in columns behind it, and the
// weights, one below the other, have s*B behind them, so that
//
//	(x | low) [W | s*B]^T = W x + s*B low
//
// comes out for all of them side by side. The same weights turn the gradient of
// the outputs into that of x and of low at once.
type joint struct {
	in          engine.Input
	projections []engine.Projection
	weights     []*weight
	adapters    *adapted
	cols        int    // K, width of x
	outs        int    // N, of all projections together
	x, low      matrix // (T, K), (T, R)
	both        matrix // (T, K+R)
}

// joint describes the projections of bl that read input in, which lies in x and low.
// With gradients, adapters must have some.
func (b *Backend) joint(o *operands, d *batch, bl *engine.Block, in engine.Input, name string, x, low engine.Buffer, gradients bool) joint {
	j := joint{in: in, projections: in.Projections(), adapters: o.adapters(b.shape, bl, in, gradients)}
	for _, p := range j.projections {
		outs, ins := p.Dims(b.shape)
		j.weights = append(j.weights, o.weight(p.String(), bl.Layer.Proj[p], outs, ins))
		j.cols, j.outs = ins, j.outs+outs
	}
	j.place(b, o, d, name, x, low)
	return j
}

// gradient is j with x and low replaced by their gradients.
func (j joint) gradient(b *Backend, o *operands, d *batch, name string, x, low engine.Buffer) joint {
	j.place(b, o, d, "gradient of "+name, x, low)
	return j
}

// place sets where the input and its low columns are.
func (j *joint) place(b *Backend, o *operands, d *batch, name string, x, low engine.Buffer) {
	j.x = o.matrix(name, x, d.tokens, j.cols)
	j.low, j.both = j.x.columns(j.cols, 0, b.size), j.x
	width := j.adapters.width()
	if width == 0 || o.err != nil {
		return
	}
	l := o.buffer("low of "+name, low)
	switch {
	case l == nil:
		return
	case l.ptr != j.low.ptr || l.stride != j.x.stride || l.width < j.adapters.ranks || l.rows < d.tokens:
		o.err = fmt.Errorf("low of %s: buffer of %d by %d elements is not beside it, or less than %d wide", name, l.rows, l.width, j.adapters.ranks)
		return
	case j.cols+width > j.x.stride:
		o.err = fmt.Errorf("low of %s: rows of %d elements have no room for %d and %d", name, j.x.stride, j.cols, width)
		return
	}
	j.low.width, j.both.width = width, j.cols+width
}

// sideBySide returns parts as one matrix; each must lie behind the one before it.
func (o *operands) sideBySide(name string, size int, parts ...matrix) matrix {
	all := parts[0]
	for _, p := range parts[1:] {
		if o.err == nil && (p.ptr != all.ptr.offset(all.width*size) || p.stride != all.stride) {
			o.err = fmt.Errorf("%s: the buffers do not lie beside each other", name)
		}
		all.width += p.width
	}
	return all
}

// stacked returns the weights of j, (N, K+R): where they lie if products can read
// them there, or else unpacked into scratch that the next operation overwrites.
func (b *Backend) stacked(j joint) (matrix, error) {
	if b.lies(j) {
		return j.weights[0].dense, nil
	}
	w, err := b.roomFor(j)
	if err != nil {
		return w, err
	}
	part := w
	for i, own := range j.weights {
		part.rows = own.rows
		if err := b.unpack(part, own, j.adapters, j.projections[i]); err != nil {
			return w, fmt.Errorf("%s: %w", j.projections[i], err)
		}
		part.ptr = part.ptr.offset(own.rows * w.stride * b.size)
	}
	return w, nil
}

// lies reports whether products can read the weights of j where they are.
func (b *Backend) lies(j joint) bool {
	return len(j.weights) == 1 && b.readable(j.weights[0], j.adapters)
}

// roomFor returns the scratch that the weights of j are unpacked into. An operation
// that does so for several joints takes it for the largest of them first.
func (b *Backend) roomFor(j joint) (matrix, error) {
	w := matrix{rows: j.outs, width: j.both.width, stride: int(roundUp(int64(j.both.width), rowAlign))}
	at, err := b.scratch("weight", int64(w.rows)*int64(w.stride)*int64(b.size))
	w.ptr = at
	return w, err
}

// forward computes low from x, and out (T, N) = residual + all projections of x; no
// residual if that is the zero value.
func (b *Backend) forward(d *batch, bl *engine.Block, j joint, out, residual matrix) error {
	if err := b.low(d, bl, j.adapters, j.low, j.x); err != nil {
		return err
	}
	return b.project(j, out, residual)
}

// project is forward once low is there.
func (b *Backend) project(j joint, out, residual matrix) error {
	w, err := b.stacked(j)
	if err != nil {
		return err
	}
	p := product{out: out, x: j.both, w: w}
	if residual.ptr != 0 {
		p.c, p.beta = residual, 1
	}
	return b.matmul(p)
}

// inputGradient computes g, the gradients of j's low and of its x without what the
// adapters add to that, from dy (T, N).
func (b *Backend) inputGradient(j, g joint, dy matrix) error {
	w, err := b.stacked(j)
	if err != nil {
		return err
	}
	return b.matmul(product{out: g.both, x: dy, w: w, wByColumns: true})
}

// backward is inputGradient, and adds to the adapters' gradients. parts are the
// columns of dy, one for each projection.
func (b *Backend) backward(d *batch, bl *engine.Block, j, g joint, dy matrix, parts ...matrix) error {
	if err := b.inputGradient(j, g, dy); err != nil {
		return err
	}
	var own []matrix
	for i, p := range j.projections {
		if j.adapters.pair(p) != nil {
			own = append(own, parts[i])
		}
	}
	if err := b.gradB(j.adapters, j.low, own...); err != nil {
		return err
	}
	return b.gradA(d, bl, j.adapters, g.low, j.x)
}

// decodes reports whether the products of bl read each weight where it is packed,
// a few rows at a time: when documents go on in a cache. Otherwise weights are
// unpacked first, which is worth it for many rows. It depends on nothing that a
// document does not bring itself.
func decodes(d *batch, bl *engine.Block) bool {
	return d.slotted && d.continued && bl.Dropout.P == 0
}

// few describes the products of j as decode computes them, from x, which is
// normalised first if norm is not 0.
func (j joint) few(x matrix, norm pointer, residual matrix, outs ...matrix) few {
	f := few{x: x, n: x.rows, norm: norm, weights: j.weights, residual: residual, outs: outs}
	for _, p := range j.projections {
		f.adapters = append(f.adapters, j.adapters.pair(p))
	}
	return f
}
