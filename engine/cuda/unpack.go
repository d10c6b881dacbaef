package cuda

import "daybook/engine"

const unpackRows = 2 // rows of a block of the kernels

// unpack writes weight w of projection p as products read it: dst (rows, cols +
// a.width()), W and behind it s*B of p's adapter in its low columns, zero in those
// of the others. a says which adapters read the same input.
func (b *Backend) unpack(dst matrix, w *weight, a *adapted, p engine.Projection) error {
	var factor pointer // B
	var rank, first int
	var scale float32
	if own := a.pair(p); own != nil {
		factor, rank, first, scale = own.b, own.rank, own.first, own.scale
	}
	block := threads(groups(w.cols), 256)
	grid := [3]int{ceilDiv(w.rows, unpackRows), ceilDiv(groups(w.cols), block), 1}
	if a.width() > 0 {
		grid[1]++
	}
	if q := w.packed; q != nil {
		f, err := b.fn("unpack", "unpack_nf4")
		if err != nil {
			return err
		}
		return b.launch(f, grid, block, 0, dst, q.codes, q.scales, q.scales2, q.absmax,
			factor, w.rows, w.cols, rank, first, a.width(), q.offset, scale)
	}
	f, err := b.fn("unpack", "unpack_"+w.element())
	if err != nil {
		return err
	}
	return b.launch(f, grid, block, 0, dst, w.dense, factor, w.rows, w.cols, rank, first, a.width(), scale)
}

// readable reports whether products can read w where it lies, without unpacking:
// it is dense, of the compute type, and no adapter reads the same input.
func (b *Backend) readable(w *weight, a *adapted) bool {
	return w.packed == nil && w.wide != b.bf16 && a.width() == 0
}
