package cuda

import (
	"fmt"
	"unsafe"
)

// rope keeps the angles of rotary position embedding (Su et al. 2021) on the
// device, for positions from 0.
type rope struct {
	inverse   *arena // (HeadDim/2) float64, angle of each pair per position
	table     *arena // (positions, HeadDim/2) cosine and sine, float32
	positions int
}

// cover makes sure that the table reaches position last.
func (r *rope) cover(b *Backend, last int) error {
	if last < r.positions {
		return nil
	}
	half := b.shape.HeadDim / 2
	n := min(max(last+1, 2*r.positions, 64), b.shape.MaxPositions)
	if r.inverse == nil {
		f := b.shape.InverseFrequencies()
		a, err := b.allocate(int64(8 * half))
		if err != nil {
			return fmt.Errorf("rope: %w", err)
		}
		if err := b.upload2D(a.ptr, 8*half, unsafe.Pointer(&f[0]), 8*half, 1); err != nil {
			return fmt.Errorf("rope: %w", err)
		}
		r.inverse = a
	}
	table, err := b.allocate(8 * int64(n) * int64(half))
	if err != nil {
		return fmt.Errorf("rope: table of %d positions: %w", n, err)
	}
	f, err := b.kernel("rope", "rope_table")
	if err != nil {
		return err
	}
	if err := b.launch(f, [3]int{ceilDiv(n*half, 256), 1, 1}, 256, 0, table.ptr, r.inverse.ptr, half, n); err != nil {
		return err
	}
	// Launches that read the old table may still be queued; memory frees it after them.
	r.table, r.positions = table, n
	return nil
}

// rotate turns the heads of x (T, heads*HeadDim) in place by the positions of d;
// sign -1 turns them back.
func (b *Backend) rotate(d *batch, x matrix, sign float32) error {
	if err := b.rope.cover(b, d.maxPosition); err != nil {
		return err
	}
	f, err := b.fn("rope", "rope_rotate")
	if err != nil {
		return err
	}
	half := b.shape.HeadDim / 2
	heads, block := x.width/b.shape.HeadDim, 128
	if half%groupSize == 0 {
		// Whole heads at a time, each thread twice or more.
		block = max(threads(heads*half/groupSize/2, 160), threads(half/groupSize, 1024))
	}
	return b.launch(f, [3]int{d.tokens, 1, 1}, block, 0, x, b.rope.table.ptr, d.positions, half, heads, sign)
}
