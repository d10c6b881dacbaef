package cuda

import (
	"unsafe"

	"daybook/engine"
)

// argmaxThreads is the threads that share a row of logits.
const argmaxThreads = 1024

// Greedy implements engine.Backend. Its logits are always those of the products of
// few rows, so that a document's token depends on neither the number of documents
// nor on whether it was read whole or token by token.
func (b *Backend) Greedy(in engine.DeviceBatch, h *engine.Head, x engine.Buffer) ([]int32, error) {
	var tokens []int32
	err := b.run("greedy", func() error {
		d, err := b.loaded(in)
		if err != nil {
			return err
		}
		var o operands
		s := b.scoring(&o, d, h, x)
		if o.err != nil {
			return o.err
		}
		tokens = make([]int32, d.documents)
		return b.greedy(s, d.last, tokens)
	})
	if err != nil {
		return nil, err
	}
	return tokens, nil
}

// greedy writes the most likely token after each of the rows of s.x that rows lists.
func (b *Backend) greedy(s scoring, rows pointer, tokens []int32) error {
	vocab := b.shape.Vocab
	logits := matrix{rows: fewRows, width: vocab, stride: int(roundUp(int64(vocab), rowAlign))}
	best, err := b.scratch("tokens", 4*int64(len(tokens)))
	if err != nil {
		return err
	}
	if logits.ptr, err = b.scratch("last logits", 4*int64(fewRows)*int64(logits.stride)); err != nil {
		return err
	}
	f, err := b.kernel("greedy", "greedy_argmax")
	if err != nil {
		return err
	}
	for first := 0; first < len(tokens); first += fewRows {
		n := min(fewRows, len(tokens)-first)
		err := b.multiplyFew(few{
			x: s.x, rows: rows, first: first, n: n, norm: s.norm,
			weights: []*weight{s.head}, outs: []matrix{logits}, wide: true,
		})
		if err != nil {
			return err
		}
		if err := b.launch(f, [3]int{n, 1, 1}, argmaxThreads, 0, best.offset(4*first), logits, vocab); err != nil {
			return err
		}
	}
	return b.download2D(best, 4*len(tokens), unsafe.Pointer(&tokens[0]), 4*len(tokens), 1)
}
