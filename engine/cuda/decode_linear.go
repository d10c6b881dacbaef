package cuda

import (
	"fmt"
	"math"
	"slices"
)

// decode computes p for any number of rows: all of p.x, or of the list p.rows,
// from p.first on. A row's result depends on nothing but that row.
func (b *Backend) decode(p few) error {
	for end := p.first + p.n; p.first < end; p.first += fewRows {
		part := p
		part.n = min(fewRows, end-p.first)
		if err := b.multiplyFew(part); err != nil {
			return err
		}
	}
	return nil
}

// tensorShape is a form of the kernels of decode_linear.cu, for up to rows rows of
// x: how many tiles of 16 rows of a weight a block does, of a gated pair in sum.
type tensorShape struct {
	rows, tiles, gatedTiles int
}

// The forms there are, by what was fastest.
var (
	nf4Shapes   = [...]tensorShape{{8, 1, 2}, {16, 1, 2}, {32, 1, 4}, {64, 2, 2}}
	denseShapes = [...]tensorShape{{8, 1, 2}, {16, 1, 2}, {32, 2, 2}, {64, 1, 2}}
)

const (
	tensorTile    = 16
	tensorThreads = 256      // eight warps
	nf4Table      = 64 << 10 // bytes of shared memory: a table of 32 KiB, and what aligns it
)

// multiplyFew computes p for up to fewRows rows.
func (b *Backend) multiplyFew(p few) error {
	if !b.tensors(p.weights) {
		return b.multiplySimply(p)
	}
	layout, format, shapes, table := denseRows, "dense", denseShapes[:], 0
	if p.weights[0].packed != nil {
		layout, format, shapes, table = nf4Rows, "nf4", nf4Shapes[:], nf4Table
	}
	in, err := b.input(p, layout)
	if err != nil {
		return err
	}
	s := shapes[slices.IndexFunc(shapes, func(s tensorShape) bool { return p.n <= s.rows })]
	form, tiles, blocks := "linear", s.tiles, 0
	if p.gated {
		form, tiles = "glu", s.gatedTiles
		blocks = ceilDiv(p.weights[0].rows, tensorTile*tiles/2)
	} else {
		for _, w := range p.weights {
			blocks += ceilDiv(w.rows, tensorTile*tiles)
		}
	}
	f, err := b.fn("decode_linear", fmt.Sprintf("decode_%s_%s_%d", form, format, s.rows))
	if err != nil {
		return err
	}
	args := make([]any, 0, 48)
	for i := range maxPairs {
		args = b.segment(args, p, in, i)
	}
	factors := in.factors
	if layout != nf4Rows {
		factors = 0
	}
	args = append(args, in.packed, factors, in.low, b.from(p, p.residual), p.x.width, p.n, flag(p.wide))
	// The sums of the warps, each row of them padded by four, take the table's place.
	sums := tensorThreads / 32 * s.rows * (tensorTile*tiles + 4) * 4
	return b.launchEarly(f, [3]int{blocks, 1, 1}, tensorThreads, max(table, sums), args...)
}

// segment adds the arguments of weight i of p, zeros if there is none.
func (b *Backend) segment(args []any, p few, in inputs, i int) []any {
	if i >= len(p.weights) {
		return append(args, matrix{}, pointer(0), pointer(0), pointer(0), pointer(0), 0, 0, 0, float32(0), float32(0))
	}
	var out matrix // of a gated pair only the first has one
	if i < len(p.outs) {
		out = b.from(p, p.outs[i])
	}
	w := p.weights[i]
	at, scales, levels, offset := w.dense.ptr, pointer(0), pointer(0), float32(0)
	if q := w.packed; q != nil {
		at, scales, levels, offset = q.codes, q.scales, q.levels(), q.offset
	}
	var factor pointer
	var rank int
	var scale float32
	if a := p.adapter(i); a != nil {
		factor, rank, scale = a.b, a.rank, a.scale
	}
	return append(args, out, at, scales, levels, factor, w.rows, rank, in.lowColumn[i], offset, scale)
}

// levels is the second-level scales, or the scales where there is one level.
func (q *packed) levels() pointer {
	if q.scales == 0 {
		return q.absmax
	}
	return q.scales2
}

// adapter returns that of weight i, or nil.
func (p few) adapter(i int) *pair {
	if i < len(p.adapters) {
		return p.adapters[i]
	}
	return nil
}

// from returns m from the first row of p on; wide outputs begin with it.
func (b *Backend) from(p few, m matrix) matrix {
	if m.ptr != 0 && !p.wide {
		m.ptr = m.ptr.offset(p.first * m.stride * b.size)
	}
	return m
}

// tensors reports whether decode_linear.cu takes these weights: in bf16, all of
// one format, rows of whole blocks of NF4, and not too large for its indices.
func (b *Backend) tensors(weights []*weight) bool {
	for _, w := range weights {
		if !b.bf16 || w.cols%fewColumns != 0 || w.wide || (w.packed == nil) != (weights[0].packed == nil) ||
			w.packed == nil && w.dense.stride != w.cols || w.rows > math.MaxUint32/w.cols {
			return false
		}
	}
	return true
}

// Formats of a weight in decode_simple.cu.
const (
	simpleNF4 int32 = iota
	simpleBF16
	simpleF32
)

const simpleThreads = 256

// multiplySimply is multiplyFew for any weights: one by one, slowly.
func (b *Backend) multiplySimply(p few) error {
	in, err := b.input(p, plainRows)
	if err != nil {
		return err
	}
	f, err := b.fn("decode_simple", "decode_simple")
	if err != nil {
		return err
	}
	x := matrix{in.packed, p.n, p.x.width, int(roundUp(int64(p.x.width), groupSize))}
	var gate matrix
	for i, w := range p.weights {
		out, residual := b.from(p, p.outs[min(i, len(p.outs)-1)]), b.from(p, p.residual)
		if p.gated && i == 0 {
			// The second product applies silu(gate) to up; until then gate is in scratch.
			stride := roundUp(int64(w.rows), rowAlign)
			at, err := b.scratch("few.gate", int64(fewRows)*stride*int64(b.size))
			if err != nil {
				return err
			}
			out, residual = matrix{at, p.n, w.rows, int(stride)}, matrix{}
		}
		weight, scales, levels, offset, format := w.dense, pointer(0), pointer(0), float32(0), simpleBF16
		switch {
		case w.packed != nil:
			weight, format = matrix{ptr: w.packed.codes}, simpleNF4
			scales, levels, offset = w.packed.scales, w.packed.levels(), w.packed.offset
		case w.wide:
			format = simpleF32
		}
		low := in.low
		var factor pointer
		var rank int
		var scale float32
		if a := p.adapter(i); a != nil {
			factor, rank, scale = a.b, a.rank, a.scale
			low = low.columns(in.lowColumn[i], rank, b.size)
		}
		err := b.launch(f, [3]int{ceilDiv(w.rows, simpleThreads/32), p.n, 1}, simpleThreads, 0, out, x, low, weight, scales, levels, factor,
			residual, gate, w.cols, w.rows, rank, offset, scale, format, flag(p.wide))
		if err != nil {
			return err
		}
		if p.gated {
			gate = out
		}
	}
	return nil
}
