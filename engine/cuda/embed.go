package cuda

import (
	"errors"

	"daybook/engine"
)

var errQuantizedTable = errors.New("the table is quantized")

// Embed implements engine.Backend.
func (b *Backend) Embed(in engine.DeviceBatch, table engine.Weight, x engine.Buffer) error {
	return b.run("embed", func() error {
		d, err := b.loaded(in)
		if err != nil {
			return err
		}
		var o operands
		w, to := o.weight("table", table, b.shape.Vocab, b.shape.Hidden), o.matrix("x", x, d.tokens, b.shape.Hidden)
		switch {
		case o.err != nil:
			return o.err
		case w.packed != nil:
			return errQuantizedTable
		}
		f, err := b.fn("embed", "embed_"+w.element())
		if err != nil {
			return err
		}
		return b.launch(f, [3]int{d.tokens, 1, 1}, threads(groups(to.width), 256), 0, to, w.dense, d.ids, to.width)
	})
}

// element is the type of a dense matrix as kernels are named after it.
func (w *weight) element() string {
	if w.wide {
		return "f32"
	}
	return "bf16"
}

// groupSize is how many neighbouring elements kernels read and write at a time:
// 16 bytes of bfloat16. Columns of a matrix that a kernel is given start at a
// multiple of it.
const groupSize = 8 // elements

// groups is the number of groups in so many elements.
func groups(elements int) int { return ceilDiv(elements, groupSize) }

// threads is the size of a block that has a thread for each of n things, in
// whole warps, up to most.
func threads(n, most int) int { return min(ceilDiv(n, 32)*32, most) }

func ceilDiv(n, by int) int { return (n + by - 1) / by }
