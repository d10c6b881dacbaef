package cuda

import "daybook/engine"

// middle is the matrices of the MLP's backward pass between its products. Those of
// T rows are (T, Intermediate) but for low columns.
type middle struct {
	dgate, dup matrix // written; may be gate and up
	gate, up   matrix
	y          matrix // silu(gate)*up; read only if not fused
	dy         matrix // gradient of y without what down's adapter adds; left as it is
	dlow       matrix // gradient of down's low columns
	low        matrix // low columns of gate and up
}

const (
	gluColumns = 128            // columns of a block of loraglu_backward
	gluRank    = 16             // the rank that it can do
	gluAtOnce  = 3 * processors // blocks
)

// middleFused reports whether middleBackward computes everything in one pass, from
// which it follows that it does not read y.
func (b *Backend) middleFused(down, inner *adapted) bool {
	if !b.bf16 || len(down.pairs) != 1 || len(inner.pairs) != 2 || down.cols%groupSize != 0 {
		return false
	}
	gate, up := inner.pairs[0], inner.pairs[1]
	return gate.rank%4 == 0 && max(gate.rank, up.rank, down.ranks) <= gluRank
}

// middleBackward computes the gradients of gate and up, adds to those of A of down,
// and of B of gate and up. down and inner are the adapters that read y and the
// MLP's input.
func (b *Backend) middleBackward(d *batch, bl *engine.Block, down, inner *adapted, m middle) error {
	if !b.middleFused(down, inner) {
		return b.middleApart(d, bl, down, inner, m)
	}
	drop, packed, err := b.turned(d, bl, down)
	if err != nil {
		return err
	}
	if m.dlow, err = b.aligned(m.dlow, "gradient of low"); err != nil {
		return err
	}
	if m.low, err = b.aligned(m.low, "low"); err != nil {
		return err
	}
	gate, up, own := inner.pairs[0], inner.pairs[1], down.pairs[0]
	sums := []segment{
		{grad: gate.gradB, columns: gate.outs, rank: gate.rank, scale: gate.scale},
		{grad: up.gradB, columns: up.outs, rank: up.rank, scale: up.scale},
		{grad: own.gradA, columns: down.cols, rank: own.rank, scale: drop.keep},
	}
	blocks := ceilDiv(down.cols, gluColumns)
	slices, each := gradientSlices(blocks, gluAtOnce, d.tokens)
	partial, err := b.scratch("gradients of adapters", 4*int64(slices)*int64(down.cols)*int64(gate.rank+up.rank+own.rank))
	if err != nil {
		return err
	}
	f, err := b.fn("loraglu", "loraglu_backward")
	if err != nil {
		return err
	}
	if err := b.launch(f, [3]int{blocks, slices, 1}, 128, 0, m.dgate, m.dup, partial, m.gate, m.up, m.dy,
		m.dlow, m.low, m.low.columns(up.first, up.rank, b.size), packed, drop.mask,
		gate.rank, up.rank, own.rank, m.dlow.width, down.cols, each, d.tokens, drop.keep); err != nil {
		return err
	}
	const turned = 0b011 // of B, not of A
	return b.sumSlices(partial, slices, turned, sums)
}

// middleApart is middleBackward one step after the other.
func (b *Backend) middleApart(d *batch, bl *engine.Block, down, inner *adapted, m middle) error {
	if err := b.gradA(d, bl, down, m.dlow, m.y); err != nil {
		return err
	}
	if err := b.lowSwigluBackward(d, bl, down, m.dgate, m.dup, m.gate, m.up, m.dy, m.dlow); err != nil {
		return err
	}
	var outs []matrix
	if inner.pair(engine.Gate) != nil {
		outs = append(outs, m.dgate)
	}
	if inner.pair(engine.Up) != nil {
		outs = append(outs, m.dup)
	}
	return b.gradB(inner, m.low, outs...)
}
