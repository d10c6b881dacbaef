package cpu

// #include "kernels.h"
import "C"

import (
	"fmt"
	"unsafe"

	"daybook/engine"
)

// chunkLogits is how many logits exist at a time: 2 MiB, the second-level cache.
const chunkLogits = 1 << 19

// lossJob is what the rows of a chunk share.
type lossJob struct {
	run  func(w *worker, task int)
	kind lossKind
	rows []int32 // of the batch, one a row of the chunk

	x, norm     *C.float // (T, Hidden), (Hidden)
	normed      *C.float // (rows, Hidden)
	logits      *C.float // (rows, Vocab)
	targets     []int32  // (T)
	scale       float32
	nll, hit, d *C.float // (T), (T), (T, Hidden) or nil
	dnormed     *C.float // (rows, Hidden)
	best        []int32
	parts       int
}

type lossKind int

const (
	lossNorm lossKind = iota
	lossScore
	lossBest
	lossNormBackward
)

// task does its share of a chunk's rows.
func (j *lossJob) task(b *Backend, task int) {
	from, to := share(task, j.parts, len(j.rows), 1)
	hidden, vocab := b.shape.Hidden, b.shape.Vocab
	for i := from; i < to; i++ {
		row := int(j.rows[i])
		switch j.kind {
		case lossNorm:
			C.rmsnorm_forward(b.variant, offset(j.x, row*hidden), j.norm, C.float(b.shape.NormEps), offset(j.normed, i*hidden), C.int64_t(hidden), 0, 1)
		case lossScore:
			gradient := C.int(0)
			if j.d != nil {
				gradient = 1
			}
			C.loss_row(b.variant, offset(j.logits, i*vocab), C.int64_t(vocab), C.int64_t(j.targets[row]), C.float(j.scale), gradient, offset(j.nll, row), offset(j.hit, row))
		case lossBest:
			j.best[i] = int32(C.loss_argmax(b.variant, offset(j.logits, i*vocab), C.int64_t(vocab)))
		case lossNormBackward:
			C.rmsnorm_backward(b.variant, offset(j.x, row*hidden), j.norm, C.float(b.shape.NormEps), offset(j.dnormed, i*hidden), offset(j.d, row*hidden), C.int64_t(hidden), 0, 1)
		}
	}
}

func (b *Backend) lossRows(kind lossKind) error {
	j := &b.jobs.loss
	j.kind = kind
	j.parts = min(len(j.rows), b.pool.threads())
	return b.pool.each(j.parts, 0, j.run)
}

// score computes the logits of the given rows of x, a chunk at a time, and calls
// use for each chunk, whose first row is the at-th of rows.
func (b *Backend) score(o *operands, h *engine.Head, x *C.float, rows []int32, use func(at int, w *weight) error) error {
	s, j := b.shape, &b.jobs.loss
	w := o.weight("head", h.Weight, s.Vocab, s.Hidden)
	j.x, j.norm = x, o.floats("norm", h.Norm, s.Hidden)
	if o.err != nil {
		return o.err
	}
	chunk := min(max(chunkLogits/s.Vocab, C.ROWS), len(rows))
	normed, err := b.normed.floats(2 * aligned(chunk*s.Hidden))
	if err != nil {
		return err
	}
	logits, err := b.logits.floats(int64(chunk) * int64(s.Vocab))
	if err != nil {
		return err
	}
	j.normed, j.dnormed, j.logits = address(normed), address(normed[aligned(chunk*s.Hidden):]), address(logits)
	for at := 0; at < len(rows); at += chunk {
		j.rows = rows[at:min(at+chunk, len(rows))]
		if err := b.lossRows(lossNorm); err != nil {
			return err
		}
		p := &b.jobs.products[0]
		p.begin(j.logits, nil, s.Vocab, s.Vocab)
		add(p.job, j.normed, s.Hidden, s.Hidden, &w.matrix, false, 1)
		if err := b.steps(len(j.rows), p); err != nil {
			return err
		}
		if err := use(at, w); err != nil {
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
	t, s, j := d.Tokens(), b.shape, &b.jobs.loss
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
	err = b.score(&o, h, from, d.scored, b.lossChunk)
	return wrap("loss", err)
}

// lossChunk turns a chunk's logits into losses and, if asked for, gradients.
func (b *Backend) lossChunk(_ int, w *weight) error {
	j, s := &b.jobs.loss, b.shape
	if err := b.lossRows(lossScore); err != nil || j.d == nil {
		return err
	}
	p := &b.jobs.products[0]
	p.begin(j.dnormed, nil, s.Hidden, s.Hidden)
	add(p.job, j.logits, s.Vocab, s.Vocab, &w.matrix, true, 1)
	if err := b.steps(len(j.rows), p); err != nil {
		return err
	}
	return b.lossRows(lossNormBackward)
}

// Greedy implements engine.Backend.
func (b *Backend) Greedy(in engine.DeviceBatch, h *engine.Head, x engine.Buffer) ([]int32, error) {
	defer keep(b, in, h, x)
	d, err := b.loaded(in)
	if err != nil {
		return nil, fmt.Errorf("greedy: %w", err)
	}
	out := make([]int32, d.documents())
	var o operands
	from := o.floats("x", x, d.Tokens()*b.shape.Hidden)
	err = b.score(&o, h, from, d.last, func(at int, _ *weight) error {
		b.jobs.loss.best = out[at:]
		return b.lossRows(lossBest)
	})
	b.jobs.loss.best = nil
	if err != nil {
		return nil, wrap("greedy", err)
	}
	return out, nil
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
	vocab := b.shape.Vocab
	out := make([]float32, len(rows)*vocab)
	var o operands
	from := o.floats("x", x, d.Tokens()*b.shape.Hidden)
	err = b.score(&o, h, from, rows, func(at int, _ *weight) error {
		copy(out[at*vocab:], b.logits.arena.data[:len(b.jobs.loss.rows)*vocab])
		return nil
	})
	if err != nil {
		return nil, wrap("logits", err)
	}
	return out, nil
}
