package cuda

import (
	"fmt"
	"math"

	"daybook/engine"
)

const (
	gradColumns = 128 // columns of a block of loragrad_product
	sumColumns  = 32  // columns, and ranks, of a block of loragrad_sum
	gradSlices  = 32  // slices of the tokens at most
	sliceUnit   = 64  // tokens that a slice is a multiple of
	processors  = 132 // multiprocessors of the GPU that slices are cut for
)

// segment is one gradient: grad += scale * (columns first..first+columns of x)^T
// times ranks l_first..l_first+rank of l, summed over tokens.
type segment struct {
	grad          pointer
	columns, rank int
	first, lFirst int
	scale         float32
}

// gradA adds dlow^T dropout(x) / (1-p) to the gradient of A of each pair of a; dlow
// (T, ranks), x (T, cols).
func (b *Backend) gradA(d *batch, bl *engine.Block, a *adapted, dlow, x matrix) error {
	if a.width() == 0 {
		return nil
	}
	drop, err := b.dropout(d, bl, a.in, a.cols)
	if err != nil {
		return err
	}
	if err := b.fill(d, &drop, a.in, a.cols); err != nil {
		return err
	}
	if dlow, err = b.aligned(dlow, "gradient of low"); err != nil {
		return err
	}
	// One product for all, whose ranks are then shared out.
	all := []segment{{columns: a.cols, rank: a.ranks}}
	each := make([]segment, len(a.pairs))
	for i, p := range a.pairs {
		each[i] = segment{grad: p.gradA, columns: a.cols, rank: p.rank, scale: drop.keep}
	}
	return b.gradients(all, each, x, dlow, drop.mask, false)
}

// gradB adds scale * dy^T low to the gradient of B of each pair of a; low (T,
// ranks), and dy the gradient of each pair's output, (T, outs). Gradients that lie
// beside each other take one product.
func (b *Backend) gradB(a *adapted, low matrix, dy ...matrix) error {
	if len(dy) != len(a.pairs) {
		return fmt.Errorf("%d gradients for %d adapters", len(dy), len(a.pairs))
	}
	for from := 0; from < len(dy); {
		var s []segment
		l, to := low, from
		for ; to < len(dy); to++ {
			p := a.pairs[to]
			first, ok := dy[from].beside(dy[to], b.size)
			own := low.columns(p.first, p.rank, b.size)
			odd := b.bf16 && (int(own.ptr)%4 != 0 || own.stride%2 != 0 || p.rank%2 != 0)
			if to > from && (!ok || odd) {
				break
			}
			s = append(s, segment{p.gradB, p.outs, p.rank, first, p.first, p.scale})
			if odd { // alone, from a copy that starts where the kernel can read it
				var err error
				if l, err = b.aligned(own, "low"); err != nil {
					return err
				}
				s[0].lFirst = 0
				to++
				break
			}
		}
		if err := b.gradients(s, s, dy[from], l, matrix{}, true); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// beside returns how many elements n lies behind m in the rows of one matrix.
func (m matrix) beside(n matrix, size int) (first int, ok bool) {
	bytes := int(n.ptr) - int(m.ptr)
	if n.stride != m.stride || bytes < 0 || bytes%(size*groupSize) != 0 || bytes/size+n.width > m.stride {
		return 0, false
	}
	return bytes / size, true
}

// gradients computes the products and adds their sums to the gradients of sums,
// which follow each other in the same order and size. A gradient is (rank,
// columns), or (columns, rank) if transposed.
func (b *Backend) gradients(products, sums []segment, x, l, mask matrix, transposed bool) error {
	total, blocks, rank := 0, 0, 0
	for _, s := range products {
		total += s.columns * s.rank
		blocks += ceilDiv(s.columns, gradColumns)
		rank = max(rank, s.rank)
	}
	tiles := min(ceilDiv(rank, 16), 3)
	passes := ceilDiv(rank, 16*tiles)
	atOnce := 2 * processors
	if tiles > 1 {
		atOnce = processors // for want of registers
	}
	slices, each := gradientSlices(blocks*passes, atOnce, x.rows)
	partial, err := b.scratch("gradients of adapters", 4*int64(slices)*int64(total))
	if err != nil {
		return err
	}
	name := "loragrad_product"
	if b.bf16 {
		name += fmt.Sprint(tiles)
	}
	f, err := b.fn("loragrad", name)
	if err != nil {
		return err
	}
	var p [maxPairs]segment
	copy(p[:], products)
	if err := b.launch(f, [3]int{blocks, slices, passes}, 256, 0, partial, x, l, mask,
		p[0].columns, p[1].columns, p[2].columns, p[0].rank, p[1].rank, p[2].rank,
		p[0].first, p[1].first, p[2].first, p[0].lFirst, p[1].lFirst, p[2].lFirst,
		total, each, x.rows); err != nil {
		return err
	}
	var turned int32
	if transposed {
		turned = 1<<maxPairs - 1
	}
	return b.sumSlices(partial, slices, turned, sums)
}

// sumSlices adds the sums of all slices to the gradients that they belong to, which
// lie in a slice in the order of sums. A gradient is (rank, columns), or (columns,
// rank) if its bit of turned is set.
func (b *Backend) sumSlices(partial pointer, slices int, turned int32, sums []segment) error {
	f, err := b.kernel("loragrad", "loragrad_sum")
	if err != nil {
		return err
	}
	var s [maxPairs]segment
	copy(s[:], sums)
	columns, ranks := 0, 0
	for _, s := range sums {
		columns += ceilDiv(s.columns, sumColumns)
		ranks = max(ranks, ceilDiv(s.rank, sumColumns))
	}
	return b.launch(f, [3]int{columns, ranks, 1}, 256, 0, s[0].grad, s[1].grad, s[2].grad, partial, slices,
		s[0].columns, s[1].columns, s[2].columns, s[0].rank, s[1].rank, s[2].rank,
		turned, s[0].scale, s[1].scale, s[2].scale)
}

// gradientSlices cuts T tokens into n slices of so many each, for a product of so
// many blocks a slice of which atOnce run at a time. Few slices leave processors
// without work, many have much to add up; n is what takes least on the GPU that the
// kernels were made for, and the same on any other: the order of a sum depends on it.
func gradientSlices(blocks, atOnce, tokens int) (n, each int) {
	const (
		canonical = 8192 // tokens
		overhead  = 128  // tokens whose time a block takes to begin and end
	)
	n = 1
	least := math.MaxFloat64
	for k := 1; k <= gradSlices; k++ {
		if cost := float64(ceilDiv(blocks*k, atOnce)) * (canonical/float64(k) + overhead); cost < least {
			n, least = k, cost
		}
	}
	each = ceilDiv(ceilDiv(tokens, n), sliceUnit) * sliceUnit
	return ceilDiv(tokens, each), each
}
