package cuda

import (
	"fmt"

	"daybook/engine"
)

// lowBackward adds what the pairs of a contribute to dx (T, cols), the gradient of
// their input: mask * (dlow A) / (1-p), dlow being the gradient of low: (T, ranks),
// or (T, a.width()) with zeros in the columns behind them.
func (b *Backend) lowBackward(d *batch, bl *engine.Block, a *adapted, dx, dlow matrix) error {
	if a.width() == 0 {
		return nil
	}
	drop, packed, err := b.turned(d, bl, a)
	if err != nil {
		return err
	}
	if dlow, err = b.aligned(dlow, "gradient of low"); err != nil {
		return err
	}
	f, grid, block, err := b.loradx("add", a, dx.rows, 3)
	if err != nil {
		return err
	}
	return b.launch(f, grid, block, 0, dx, dlow, packed, drop.mask, dlow.width, a.cols, dx.rows, drop.keep)
}

// lowSwigluBackward is lowBackward followed by swigluBackward in one pass: dy (T,
// cols) is the gradient of silu(gate)*up without what the pairs contribute, and is
// left as it is.
func (b *Backend) lowSwigluBackward(d *batch, bl *engine.Block, a *adapted, dgate, dup, gate, up, dy, dlow matrix) error {
	if a.width() == 0 {
		return b.swigluBackward(dgate, dup, gate, up, dy)
	}
	drop, packed, err := b.turned(d, bl, a)
	if err != nil {
		return err
	}
	if dlow, err = b.aligned(dlow, "gradient of low"); err != nil {
		return err
	}
	f, grid, block, err := b.loradx("glu", a, dy.rows, 2)
	if err != nil {
		return err
	}
	return b.launch(f, grid, block, 0, dgate, dup, dy, gate, up, dlow, packed, drop.mask, dlow.width, a.cols, dy.rows, drop.keep)
}

// turned returns what the backward kernels of a read: its mask, and A by columns.
func (b *Backend) turned(d *batch, bl *engine.Block, a *adapted) (drop dropping, packed matrix, err error) {
	if drop, err = b.dropout(d, bl, a.in, a.cols); err != nil {
		return drop, packed, err
	}
	if err = b.fill(d, &drop, a.in, a.cols); err != nil {
		return drop, packed, err
	}
	packed, err = b.pack(a, true)
	return drop, packed, err
}

// loradx returns the kernel for the ranks of a and its launch over so many rows.
// Up to `most` steps of 16 ranks it is one that keeps A in registers; the bits are
// the same.
func (b *Backend) loradx(name string, a *adapted, rows, most int) (f *function, grid [3]int, block int, err error) {
	if !b.bf16 {
		f, err = b.fn("loradx", "loradx_"+name)
		return f, [3]int{ceilDiv(groups(a.cols), 128), rows, 1}, 128, err
	}
	if steps := ceilDiv(a.ranks, packRanks); steps <= most {
		name += fmt.Sprint(steps)
	}
	f, err = b.fn("loradx", "loradx_"+name)
	return f, [3]int{ceilDiv(a.cols, 8*32), ceilDiv(rows, 8*16), 1}, 256, err
}
