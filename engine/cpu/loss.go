package cpu

// #include "kernels.h"
import "C"

import (
	"fmt"
	"unsafe"

	"daybook/engine"
)

// chunkLogits is how many logits exist at a time, at most: 2 MiB, a second-level
// cache. Fewer do where the head's weights fit beside them; see steps.
const chunkLogits = 1 << 19

// scoring is what the rows of a chunk share, from the residual stream to logits.
type scoring struct {
	rows    []int32  // of the batch, one a row of the chunk
	first   int      // number of the chunk's first row
	x, norm *C.float // (T, Hidden), (Hidden)
	normed  *C.float // (rows, Hidden)
	dnormed *C.float // (rows, Hidden)
	logits  *C.float // (rows, Vocab)

	targets     []int32 // (T)
	scale       float32
	nll, hit, d *C.float  // (T), (T), (T, Hidden) or nil
	best        []int32   // of all chunks
	out         []float32 // (rows of all chunks, Vocab)

	steps   []step
	gather  gatherStep
	losses  lossStep
	largest largestStep
	copy    copyStep
	scatter scatterStep
}

// gatherStep computes normed from rows of x.
type gatherStep struct {
	rowStep
	*scoring
}

func (s *gatherStep) work(b *Backend) int { return 8 * b.shape.Hidden }

func (s *gatherStep) run(b *Backend, _, _ *C.float, t0, t1, _, _ int) {
	n := b.shape.Hidden
	for i := t0; i < t1; i++ {
		C.rmsnorm_forward(b.variant, offset(s.x, int(s.rows[i])*n), s.norm, C.float(b.shape.NormEps), offset(s.normed, i*n), C.int64_t(n), 0, 1)
	}
}

// lossStep turns logits into losses and, where d is set, into their gradients.
type lossStep struct {
	rowStep
	*scoring
}

func (s *lossStep) work(b *Backend) int { return 48 * b.shape.Vocab }

func (s *lossStep) run(b *Backend, _, _ *C.float, t0, t1, _, _ int) {
	n, gradient := b.shape.Vocab, C.int(0)
	if s.d != nil {
		gradient = 1
	}
	for i := t0; i < t1; i++ {
		row := int(s.rows[i])
		C.loss_row(b.variant, offset(s.logits, i*n), C.int64_t(n), C.int64_t(s.targets[row]), C.float(s.scale), gradient, offset(s.nll, row), offset(s.hit, row))
	}
}

// largestStep finds the most likely token of each row.
type largestStep struct {
	rowStep
	*scoring
}

func (s *largestStep) work(b *Backend) int { return 16 * b.shape.Vocab }

func (s *largestStep) run(b *Backend, _, _ *C.float, t0, t1, _, _ int) {
	n := b.shape.Vocab
	for i := t0; i < t1; i++ {
		s.best[s.first+i] = int32(C.loss_argmax(b.variant, offset(s.logits, i*n), C.int64_t(n)))
	}
}

// scatterStep adds the gradient of rows of x to d.
type scatterStep struct {
	rowStep
	*scoring
}

func (s *scatterStep) work(b *Backend) int { return 16 * b.shape.Hidden }

func (s *scatterStep) run(b *Backend, _, _ *C.float, t0, t1, _, _ int) {
	n := b.shape.Hidden
	for i := t0; i < t1; i++ {
		at := int(s.rows[i]) * n
		C.rmsnorm_backward(b.variant, offset(s.x, at), s.norm, C.float(b.shape.NormEps), offset(s.dnormed, i*n), offset(s.d, at), C.int64_t(n), 0, 1)
	}
}

// copyStep copies logits to the host.
type copyStep struct {
	rowStep
	*scoring
}

func (s *copyStep) work(b *Backend) int { return 8 * b.shape.Vocab }

func (s *copyStep) run(b *Backend, _, _ *C.float, t0, t1, _, _ int) {
	n := b.shape.Vocab
	copy(s.out[(s.first+t0)*n:(s.first+t1)*n], unsafe.Slice((*float32)(unsafe.Pointer(offset(s.logits, t0*n))), (t1-t0)*n))
}

// score computes the logits of the given rows of x, a chunk at a time, and takes
// each chunk through the steps after that.
func (b *Backend) score(o *operands, h *engine.Head, x *C.float, rows []int32, after ...step) error {
	v, j := b.shape, &b.jobs.scoring
	w := o.weight("head", h.Weight, v.Vocab, v.Hidden)
	j.x, j.norm = x, o.floats("norm", h.Norm, v.Hidden)
	if o.err != nil {
		return o.err
	}
	chunk := min(max(chunkLogits/v.Vocab, C.ROWS), len(rows))
	normed, err := b.normed.floats(2 * aligned(chunk*v.Hidden))
	if err != nil {
		return err
	}
	logits, err := b.logits.floats(int64(chunk) * int64(v.Vocab))
	if err != nil {
		return err
	}
	j.normed, j.dnormed, j.logits = address(normed), address(normed[aligned(chunk*v.Hidden):]), address(logits)

	forward, backward := &b.jobs.products[0], &b.jobs.products[1]
	forward.begin(j.logits, nil, v.Vocab, v.Vocab)
	add(forward.job, j.normed, v.Hidden, v.Hidden, &w.matrix, false, 1)
	backward.begin(j.dnormed, nil, v.Hidden, v.Hidden)
	add(backward.job, j.logits, v.Vocab, v.Vocab, &w.matrix, true, 1)
	j.steps = append(j.steps[:0], &j.gather, forward)
	j.steps = append(j.steps, after...)
	if j.d != nil {
		j.steps = append(j.steps, backward, &j.scatter)
	}
	for j.first = 0; j.first < len(rows); j.first += chunk {
		j.rows = rows[j.first:min(j.first+chunk, len(rows))]
		if err := b.steps(len(j.rows), j.steps...); err != nil {
			return err
		}
	}
	return nil
}

// Loss implements engine.Backend.
func (b *Backend) Loss(in engine.DeviceBatch, h *engine.Head, x engine.Buffer, scale float32, nll, hit, grad engine.Buffer) error {
	defer keep(b, in, h, x, nll, hit, grad)
	d, err := b.loaded(in)
	if err != nil {
		return fmt.Errorf("loss: %w", err)
	}
	t, s, j := d.Tokens(), b.shape, &b.jobs.scoring
	var o operands
	from := o.floats("x", x, t*s.Hidden)
	j.nll, j.hit, j.d = o.floats("nll", nll, t), o.floats("hit", hit, t), nil
	if grad != nil {
		j.d = o.floats("d", grad, t*s.Hidden)
	}
	if o.err != nil {
		return wrap("loss", o.err)
	}
	clear(unsafe.Slice((*float32)(unsafe.Pointer(j.nll)), t))
	clear(unsafe.Slice((*float32)(unsafe.Pointer(j.hit)), t))
	if j.d != nil {
		clear(unsafe.Slice((*float32)(unsafe.Pointer(j.d)), t*s.Hidden))
	}
	j.targets, j.scale = d.targets, scale
	return wrap("loss", b.score(&o, h, from, d.scored, &j.losses))
}

// Greedy implements engine.Backend.
func (b *Backend) Greedy(in engine.DeviceBatch, h *engine.Head, x engine.Buffer) ([]int32, error) {
	defer keep(b, in, h, x)
	d, err := b.loaded(in)
	if err != nil {
		return nil, fmt.Errorf("greedy: %w", err)
	}
	var o operands
	j := &b.jobs.scoring
	j.d, j.best = nil, make([]int32, d.documents())
	if err := b.score(&o, h, o.floats("x", x, d.Tokens()*b.shape.Hidden), d.last, &j.largest); err != nil {
		return nil, wrap("greedy", err)
	}
	return j.best, nil
}

// Logits implements engine.Backend.
func (b *Backend) Logits(in engine.DeviceBatch, h *engine.Head, x engine.Buffer) ([]float32, error) {
	defer keep(b, in, h, x)
	d, err := b.loaded(in)
	if err != nil {
		return nil, fmt.Errorf("logits: %w", err)
	}
	rows := make([]int32, d.Tokens())
	for i := range rows {
		rows[i] = int32(i)
	}
	var o operands
	j := &b.jobs.scoring
	j.d, j.out = nil, make([]float32, len(rows)*b.shape.Vocab)
	if err := b.score(&o, h, o.floats("x", x, d.Tokens()*b.shape.Hidden), rows, &j.copy); err != nil {
		return nil, wrap("logits", err)
	}
	out := j.out
	j.out = nil
	return out, nil
}
