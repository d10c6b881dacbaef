package cpu

// #include "kernels.h"
import "C"

import (
	"fmt"

	"daybook/engine"
)

// input describes an input and the adapted projections that read it to job; it
// leaves n at 0 if there are none.
func (o *operands) input(job *C.lora_input, b *Backend, d *batch, bl *engine.Block, in engine.Input, x *C.float, low *[engine.NumInputs]engine.Buffer, projections []engine.Projection) {
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
		pair.low = o.low(bl, p, low, d.Tokens())
		pair.grad_a = nil
		job.rank += pair.rank
		job.cols = C.int64_t(ins)
	}
	if job.n > 0 {
		job.x, job.dlow = x, nil
		job.drop = o.dropout(d, bl, in)
	}
}

// low returns A dropout(x) of p's adapter. What an input keeps for its adapters
// are their (rows, Rank) matrices one after the other.
func (o *operands) low(bl *engine.Block, p engine.Projection, low *[engine.NumInputs]engine.Buffer, rows int) *C.float {
	at := 0
	for q := engine.Q; q < p; q++ {
		if a := bl.Adapters[q]; a != nil && q.Input() == p.Input() {
			at += rows * a.Rank
		}
	}
	return offset(o.of(p, "low", low[p.Input()], at+rows*bl.Adapters[p].Rank), at)
}
