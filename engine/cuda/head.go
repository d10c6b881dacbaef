package cuda

import (
	"unsafe"

	"daybook/engine"
)

// chunkLogits bounds the logits that exist at a time, in bytes: enough rows that
// the products of a vocabulary of 128k fill a large GPU.
const chunkLogits = 256 << 20

// chunkRows is what the number of rows of a chunk is a multiple of, if there are
// as many: tiles of products are that high.
const chunkRows = 128

// scoring is rows of x on their way through the final norm and the head.
type scoring struct {
	x    matrix  // (T, Hidden)
	rows pointer // (n) int32, which rows of x; 0: the first n
	n    int
	norm pointer // (Hidden) float32
	head *weight // (Vocab, Hidden)
}

// scoring checks h and x of an operation.
func (b *Backend) scoring(o *operands, d *batch, h *engine.Head, x engine.Buffer) scoring {
	s := b.shape
	return scoring{
		x:    o.matrix("x", x, d.tokens, s.Hidden),
		norm: o.vector("norm", h.Norm, s.Hidden),
		head: o.weight("head", h.Weight, s.Vocab, s.Hidden),
	}
}

// chunk is part of a scoring.
type chunk struct {
	first  int
	normed matrix // (n, Hidden)
	logits matrix // (n, Vocab) float32
	head   matrix // (Vocab, Hidden) as products read it
}

// score computes the logits of s, chunk after chunk in the same scratch, and hands
// each to use. A row's logits do not depend on how rows are cut into chunks.
func (b *Backend) score(s scoring, use func(c chunk) error) error {
	head, err := b.readHead(s.head)
	if err != nil {
		return err
	}
	vocab, hidden := b.shape.Vocab, b.shape.Hidden
	stride := int(roundUp(int64(vocab), rowAlign))
	most := max(chunkLogits/(4*stride), 1)
	if most > chunkRows {
		most = most / chunkRows * chunkRows
	}
	most = min(most, s.n)
	logits, err := b.scratch("logits", 4*int64(most)*int64(stride))
	if err != nil {
		return err
	}
	in := few{x: s.x, rows: s.rows, norm: s.norm}
	for first := 0; first < s.n; first += most {
		in.first, in.n = first, min(most, s.n-first)
		normed, err := b.input(in, plainRows)
		if err != nil {
			return err
		}
		c := chunk{
			first:  first,
			normed: matrix{normed.packed, in.n, hidden, int(roundUp(int64(hidden), groupSize))},
			logits: matrix{logits, in.n, vocab, stride},
			head:   head,
		}
		if err := b.matmul(product{out: c.logits, x: c.normed, w: c.head, wide: true}); err != nil {
			return err
		}
		if err := use(c); err != nil {
			return err
		}
	}
	return nil
}

// readHead returns w as products read it, where it lies if they can.
func (b *Backend) readHead(w *weight) (matrix, error) {
	if b.readable(w, nil) {
		return w.dense, nil
	}
	m := matrix{rows: w.rows, width: w.cols, stride: int(roundUp(int64(w.cols), rowAlign))}
	at, err := b.scratch("head", int64(m.rows)*int64(m.stride)*int64(b.size))
	if err != nil {
		return m, err
	}
	m.ptr = at
	return m, b.unpack(m, w, nil, 0)
}

// Logits implements engine.Backend.
func (b *Backend) Logits(in engine.DeviceBatch, h *engine.Head, x engine.Buffer, last bool) ([]float32, error) {
	var out []float32
	err := b.run("logits", func() error {
		d, err := b.loaded(in)
		if err != nil {
			return err
		}
		var o operands
		s := b.scoring(&o, d, h, x)
		if o.err != nil {
			return o.err
		}
		if s.n = d.tokens; last {
			s.n, s.rows = d.documents, d.last
		}
		out = make([]float32, s.n*b.shape.Vocab)
		return b.score(s, func(c chunk) error {
			to := out[c.first*b.shape.Vocab:]
			return b.download2D(c.logits.ptr, 4*c.logits.stride, unsafe.Pointer(&to[0]), 4*c.logits.width, c.logits.rows)
		})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
