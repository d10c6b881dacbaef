package cpu

import (
	"fmt"

	"daybook/engine"
)

var _ engine.RowMover = (*Backend)(nil)

// Gather implements engine.RowMover.
func (b *Backend) Gather(dst, src engine.Buffer, rows []int32, width int) error {
	to, ok1 := dst.(*buffer)
	from, ok2 := src.(*buffer)
	switch {
	case !ok1 || !ok2:
		return fmt.Errorf("gather: buffer: %w", errForeign)
	case len(rows)*width > len(to.data):
		return fmt.Errorf("gather: %d rows of %d to a buffer of %d elements", len(rows), width, len(to.data))
	}
	for i, r := range rows {
		if r < 0 || (int(r)+1)*width > len(from.data) {
			return fmt.Errorf("gather: row %d of %d in a buffer of %d elements", r, width, len(from.data))
		}
		copy(to.data[i*width:(i+1)*width], from.data[int(r)*width:])
	}
	keep(dst, src)
	return nil
}

// Scatter implements engine.RowMover. It goes from the last row to the first, so
// that none is overwritten before it has moved.
func (b *Backend) Scatter(x engine.Buffer, rows []int32, n, width int) error {
	buf, ok := x.(*buffer)
	switch {
	case !ok:
		return fmt.Errorf("scatter: buffer: %w", errForeign)
	case n*width > len(buf.data):
		return fmt.Errorf("scatter: %d rows of %d in a buffer of %d elements", n, width, len(buf.data))
	}
	for i, r := range rows {
		if int(r) < i || int(r) >= n || i > 0 && r <= rows[i-1] {
			return fmt.Errorf("scatter: row %d to %d of %d: they must ascend", i, r, n)
		}
	}
	end := n
	for i := len(rows) - 1; i >= 0; i-- {
		r := int(rows[i])
		clear(buf.data[(r+1)*width : end*width])
		copy(buf.data[r*width:(r+1)*width], buf.data[i*width:])
		end = r
	}
	clear(buf.data[:end*width])
	keep(x)
	return nil
}
