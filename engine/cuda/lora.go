package cuda

import (
	"fmt"

	"daybook/engine"
)

// adapted is the adapters that read one input of a layer, in the order of their
// projections. Their low-rank columns lie side by side in that order; nil and the
// zero value have none.
type adapted struct {
	in    engine.Input
	cols  int // of the input
	ranks int // sum
	pairs []pair
}

// pair is one adapter on the device.
type pair struct {
	projection   engine.Projection
	rank, outs   int
	first        int // of its low columns
	scale        float32
	a, b         pointer // (rank, cols), (outs, rank) float32
	gradA, gradB pointer // like a and b; 0 unless training
}

const (
	// maxPairs is how many projections read one input: q, k and v.
	maxPairs = 3
	// lowAlign is what the number of low columns is rounded up to, so that the
	// depth of a product of input and low columns stays a multiple of 16 bytes.
	lowAlign = groupSize
	// packDepth is what packed copies of A are padded to along the input.
	packDepth = 32
	// packRanks is what they are padded to along the ranks, in copies by columns.
	packRanks = 16
)

// adapters describes the adapters of bl that read input in, with their gradients
// if train.
func (o *operands) adapters(s engine.Shape, bl *engine.Block, in engine.Input, train bool) *adapted {
	a := &adapted{in: in}
	for p := engine.Q; p < engine.NumProjections; p++ {
		if p.Input() != in {
			continue
		}
		outs, ins := p.Dims(s)
		a.cols = ins
		own := bl.Adapters[p]
		if own == nil {
			continue
		}
		switch {
		case own.Rank < 1:
			o.fail(fmt.Errorf("%s: adapter of rank %d", p, own.Rank))
			continue
		case train && (own.GradA == nil || own.GradB == nil):
			o.fail(fmt.Errorf("%s: adapter has no gradients", p))
			continue
		}
		q := pair{projection: p, rank: own.Rank, outs: outs, first: a.ranks, scale: own.Scale}
		q.a, q.b = o.vector(p.String()+" A", own.A, own.Rank*ins), o.vector(p.String()+" B", own.B, outs*own.Rank)
		if train {
			q.gradA = o.vector(p.String()+" gradient of A", own.GradA, own.Rank*ins)
			q.gradB = o.vector(p.String()+" gradient of B", own.GradB, outs*own.Rank)
		}
		a.pairs = append(a.pairs, q)
		a.ranks += own.Rank
	}
	return a
}

// fail remembers the first error.
func (o *operands) fail(err error) {
	if o.err == nil {
		o.err = err
	}
}

// width is the number of low columns, padding included: what products read and low
// writes; 0 without adapters.
func (a *adapted) width() int {
	if a == nil {
		return 0
	}
	return ceilDiv(a.ranks, lowAlign) * lowAlign
}

// pair returns the adapter of projection p, or nil.
func (a *adapted) pair(p engine.Projection) *pair {
	if a != nil {
		for i := range a.pairs {
			if a.pairs[i].projection == p {
				return &a.pairs[i]
			}
		}
	}
	return nil
}

// pack copies the A of all pairs below each other, rounded to the compute type,
// by rows (ranks, cols) or, if turned, by columns (cols, ranks), zero where padded.
func (b *Backend) pack(a *adapted, turned bool) (matrix, error) {
	depth, name := ceilDiv(a.cols, packDepth)*packDepth, "A"
	rows, columns := matrix{rows: a.ranks, width: a.cols, stride: depth}, matrix{}
	packed := &rows
	if turned {
		name = "A by columns"
		rows, columns = matrix{}, matrix{rows: depth, width: a.ranks, stride: ceilDiv(a.ranks, packRanks) * packRanks}
		packed = &columns
	}
	at, err := b.scratch(name, int64(packed.rows)*int64(packed.stride)*int64(b.size))
	if err != nil {
		return matrix{}, err
	}
	packed.ptr = at
	f, err := b.fn("lora", "lora_pack")
	if err != nil {
		return matrix{}, err
	}
	var factors [maxPairs]pointer
	var ranks [maxPairs]int
	for i, p := range a.pairs {
		factors[i], ranks[i] = p.a, p.rank
	}
	grid := [3]int{ceilDiv(depth, 128), ceilDiv(a.ranks, packRanks) * packRanks / groupSize, 1}
	return *packed, b.launch(f, grid, 128, 0, rows, columns,
		factors[0], factors[1], factors[2], ranks[0], ranks[1], ranks[2], a.cols)
}

// low computes A dropout(x) of all pairs of a: to (T, a.width()) from x (T, cols).
// It leaves the dropout mask for the backward pass.
func (b *Backend) low(d *batch, bl *engine.Block, a *adapted, to, x matrix) error {
	if a.width() == 0 {
		return nil
	}
	drop, err := b.dropout(d, bl, a.in, a.cols)
	if err != nil {
		return err
	}
	packed, err := b.pack(a, false)
	if err != nil {
		return err
	}
	if !b.bf16 {
		if err := b.fill(d, &drop, a.in, a.cols); err != nil {
			return err
		}
		f, err := b.fn("lora", "lora_low")
		if err != nil {
			return err
		}
		return b.launch(f, [3]int{d.tokens, 1, 1}, 256, 0, to, drop.mask, x, packed, a.ranks, a.width(), a.cols, drop.keep)
	}
	rows, ranks := lowTile(a.width(), d.tokens)
	f, err := b.fn("lora", fmt.Sprintf("lora_low%dx%d", rows/16, ranks/8))
	if err != nil {
		return err
	}
	grid := [3]int{ceilDiv(d.tokens, rows), ceilDiv(a.width(), ranks), 1}
	if err := b.launch(f, grid, 256, 0, to, drop.mask, x, packed, d.positions, d.owner, d.keys,
		a.ranks, a.width(), a.cols, d.tokens, drop.key, drop.threshold, drop.made(), drop.keep); err != nil {
		return err
	}
	if drop.threshold != 0 {
		b.filled(d, &drop, a.in)
	}
	return nil
}

// mostGated is how many low columns lora_glu computes.
const mostGated = 96

// lowSwiglu is swiglu, y = silu(gate)*up, followed by low of y, in one pass if a has
// few enough ranks. If then nothing reads y (see middleFused) it may be left out.
func (b *Backend) lowSwiglu(d *batch, bl *engine.Block, a *adapted, y, to, gate, up matrix) error {
	if !b.bf16 || a.width() == 0 || a.width() > mostGated {
		if err := b.swiglu(y, gate, up); err != nil {
			return err
		}
		return b.low(d, bl, a, to, y)
	}
	drop, err := b.dropout(d, bl, a.in, a.cols)
	if err != nil {
		return err
	}
	packed, err := b.pack(a, false)
	if err != nil {
		return err
	}
	ranks := mostGated
	for _, n := range []int{32, 16} {
		if a.width() <= n {
			ranks = n
		}
	}
	f, err := b.fn("lora", fmt.Sprintf("lora_glu1x%d", ranks/8))
	if err != nil {
		return err
	}
	if err := b.launch(f, [3]int{ceilDiv(d.tokens, 16), 1, 1}, 256, 0, y, to, drop.mask, gate, up, packed, d.positions, d.owner, d.keys,
		a.ranks, a.width(), a.cols, d.tokens, drop.key, drop.threshold, drop.keep); err != nil {
		return err
	}
	if drop.threshold != 0 {
		b.filled(d, &drop, a.in)
	}
	return nil
}

// lowTile is how many tokens and ranks a block of lora_low computes. The bits of a
// row do not depend on it.
func lowTile(width, tokens int) (rows, ranks int) {
	for _, ranks = range []int{16, 32, 48, 96, 192} {
		if width <= ranks {
			break
		}
	}
	if ranks > 32 || tokens <= 2048 {
		return 16, ranks // more blocks, and registers for the sums
	}
	return 32, ranks // A is read half as often
}

// aligned returns low columns m as kernels read them: on 16 bytes, readable and
// without a NaN up to a multiple of lowAlign. It copies them if they are not.
func (b *Backend) aligned(m matrix, name string) (matrix, error) {
	padded := ceilDiv(m.width, lowAlign) * lowAlign
	if !b.bf16 || (int(m.ptr)%16 == 0 && m.stride%groupSize == 0 && m.width == padded) {
		return m, nil
	}
	at, err := b.scratch(name, int64(m.rows)*int64(padded)*int64(b.size))
	if err != nil {
		return matrix{}, err
	}
	to := matrix{at, m.rows, padded, padded}
	f, err := b.kernel("lora", "lora_align_bf16")
	if err != nil {
		return matrix{}, err
	}
	return to, b.launch(f, [3]int{m.rows, 1, 1}, threads(padded, 256), 0, to, m, m.width, padded)
}
