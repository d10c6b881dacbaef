package cuda

import "daybook/engine"

// lossThreads is the threads that share a row of logits; scatterThreads those of a
// row of x.
const (
	lossThreads    = 512
	scatterThreads = 256
)

// Loss implements engine.Backend. Only rows with a target go through the head.
// The gradient of a chunk's logits takes their place.
func (b *Backend) Loss(in engine.DeviceBatch, h *engine.Head, x engine.Buffer, scale float32, nll, hit, grad engine.Buffer) error {
	return b.run("loss", func() error {
		batch, err := b.loaded(in)
		if err != nil {
			return err
		}
		var o operands
		s := b.scoring(&o, batch, h, x)
		s.rows, s.n = batch.scored, batch.scores
		losses, hits := o.vector("nll", nll, batch.tokens), o.vector("hit", hit, batch.tokens)
		var d matrix
		if grad != nil {
			d = o.matrix("d", grad, batch.tokens, b.shape.Hidden)
		}
		if o.err != nil {
			return o.err
		}
		if err := b.lossClear(batch, losses, hits, d); err != nil || s.n == 0 {
			return err
		}
		return b.score(s, func(c chunk) error {
			rows := s.rows.offset(4 * c.first)
			if err := b.crossEntropy(batch, c, rows, losses, hits, scale, d.ptr != 0); err != nil || d.ptr == 0 {
				return err
			}
			dlogits, dnormed := c.logits, c.normed
			dlogits.stride *= 4 / b.size
			if err := b.matmul(product{out: dnormed, x: dlogits, w: c.head, wByColumns: true}); err != nil {
				return err
			}
			return b.lossScatter(d, s, dnormed, rows)
		})
	})
}

// lossClear zeroes nll, hit and, if it is given, d where there is no target.
func (b *Backend) lossClear(batch *batch, nll, hit pointer, d matrix) error {
	f, err := b.fn("loss", "loss_clear")
	if err != nil {
		return err
	}
	return b.launch(f, [3]int{batch.tokens, 1, 1}, scatterThreads, 0, nll, hit, d, batch.targets, b.shape.Hidden)
}

// crossEntropy computes nll and hit of the rows of c, and turns their logits into
// scale times the gradient, of the compute type, each at the start of its row.
func (b *Backend) crossEntropy(batch *batch, c chunk, rows, nll, hit pointer, scale float32, gradient bool) error {
	f, err := b.fn("loss", "loss_cross_entropy")
	if err != nil {
		return err
	}
	return b.launch(f, [3]int{c.logits.rows, 1, 1}, lossThreads, 0, nll, hit, c.logits, rows, batch.targets, b.shape.Vocab, scale, flag(gradient))
}

// lossScatter writes the gradient of rows of s.x, dnormed being that of their norms.
func (b *Backend) lossScatter(d matrix, s scoring, dnormed matrix, rows pointer) error {
	f, err := b.fn("loss", "loss_scatter")
	if err != nil {
		return err
	}
	return b.launch(f, [3]int{dnormed.rows, 1, 1}, scatterThreads, 0, d, s.x, dnormed, s.norm, rows, b.shape.Hidden, float32(b.shape.NormEps))
}

// flag is a bool as kernels take it.
func flag(v bool) int32 {
	if v {
		return 1
	}
	return 0
}
