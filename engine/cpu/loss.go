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

// score computes the logits of the given rows of x, a chunk at a time, and takes
// each through the steps after that. done, if not nil, is called behind a chunk
// with the number of its first row and how many it has.
func (b *Backend) score(o *operands, h *engine.Head, x *C.float, rows []int32, after C.step, done func(first, n int)) error {
	v, j := b.shape, b.jobs.scoring
	w := o.weight("head", h.Weight, v.Vocab, v.Hidden)
	j.hidden, j.vocab, j.eps = C.int64_t(v.Hidden), C.int64_t(v.Vocab), C.float(v.NormEps)
	j.x, j.weight = x, o.floats("norm", h.Norm, v.Hidden)
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

	forward, backward := b.jobs.products[0], b.jobs.products[1]
	begin(forward, j.logits, nil, v.Vocab, v.Vocab)
	add(forward, j.normed, v.Hidden, &w.matrix, false, 1)
	begin(backward, j.dnormed, nil, v.Hidden, v.Hidden)
	add(backward, j.logits, v.Vocab, &w.matrix, true, 1)
	steps := [...]C.step{scoringStep(&C.gather_kind, j), productStep(forward), after, productStep(backward), scoringStep(&C.scatter_kind, j)}
	n := len(steps)
	if j.d == nil {
		n -= 2
	}
	if after.kind == nil {
		n--
	}
	for first := 0; first < len(rows); first += chunk {
		part := rows[first:min(first+chunk, len(rows))]
		j.rows = (*C.int32_t)(&part[0])
		if err := b.steps(len(part), steps[:n]...); err != nil {
			return err
		}
		if done != nil {
			done(first, len(part))
		}
	}
	return nil
}

// integers returns scratch for n integers outside of Go's heap.
func (b *Backend) integers(n int) ([]int32, error) {
	f, err := b.ints.floats(int64(n))
	if err != nil {
		return nil, err
	}
	return unsafe.Slice((*int32)(unsafe.Pointer(address(f))), n), nil
}

func scoringStep(kind *C.step_kind, j *C.scoring) C.step {
	return C.step{kind: kind, job: unsafe.Pointer(j)}
}

// Loss implements engine.Backend.
func (b *Backend) Loss(in engine.DeviceBatch, h *engine.Head, x engine.Buffer, scale float32, nll, hit, grad engine.Buffer) error {
	defer keep(b, in, h, x, nll, hit, grad)
	d, err := b.loaded(in)
	if err != nil {
		return fmt.Errorf("loss: %w", err)
	}
	t, s, j := d.Tokens(), b.shape, b.jobs.scoring
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
	if len(d.scored) > 0 {
		j.targets, j.scale = (*C.int32_t)(&d.targets[0]), C.float(scale)
	}
	return wrap("loss", b.score(&o, h, from, d.scored, scoringStep(&C.loss_kind, j), nil))
}

// Greedy implements engine.Backend.
func (b *Backend) Greedy(in engine.DeviceBatch, h *engine.Head, x engine.Buffer) ([]int32, error) {
	defer keep(b, in, h, x)
	d, err := b.loaded(in)
	if err != nil {
		return nil, fmt.Errorf("greedy: %w", err)
	}
	var o operands
	j := b.jobs.scoring
	tokens, err := b.integers(d.documents())
	if err != nil {
		return nil, wrap("greedy", err)
	}
	j.d, j.best = nil, (*C.int32_t)(&tokens[0])
	out := make([]int32, 0, len(tokens))
	err = b.score(&o, h, o.floats("x", x, d.Tokens()*b.shape.Hidden), d.last, scoringStep(&C.best_kind, j), func(_, n int) {
		out = append(out, tokens[:n]...)
	})
	if err != nil {
		return nil, wrap("greedy", err)
	}
	return out, nil
}

// Logits implements engine.Backend.
func (b *Backend) Logits(in engine.DeviceBatch, h *engine.Head, x engine.Buffer, last bool) ([]float32, error) {
	defer keep(b, in, h, x)
	d, err := b.loaded(in)
	if err != nil {
		return nil, fmt.Errorf("logits: %w", err)
	}
	vocab := b.shape.Vocab
	rows := d.last
	if !last {
		if rows, err = b.integers(d.Tokens()); err != nil {
			return nil, wrap("logits", err)
		}
		for i := range rows {
			rows[i] = int32(i)
		}
	}
	out := make([]float32, len(rows)*vocab)
	var o operands
	b.jobs.scoring.d = nil
	err = b.score(&o, h, o.floats("x", x, d.Tokens()*b.shape.Hidden), rows, C.step{}, func(first, n int) {
		copy(out[first*vocab:], b.logits.arena.data[:n*vocab])
	})
	if err != nil {
		return nil, wrap("logits", err)
	}
	return out, nil
}
