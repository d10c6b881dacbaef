//go:build cuda

package cuda

import (
	"fmt"

	"gorgonia.org/cu"

	"daybook/engine"
)

// Copy implements engine.Backend. Copies run in a stream of their own, behind the
// operations queued so far.
func (b *Backend) Copy(dst, src engine.Buffer) error {
	return b.run("copy", func() error {
		var o operands
		d, s := o.buffer("destination", dst), o.buffer("source", src)
		switch {
		case o.err != nil:
			return o.err
		case d.kind != s.kind || d.rows != s.rows || d.width != s.width:
			return fmt.Errorf("%d by %d elements of kind %d to a buffer of %d by %d of kind %d", s.rows, s.width, s.kind, d.rows, d.width, d.kind)
		}
		if err := follow(b.copies, b.stream, b.order); err != nil {
			return err
		}
		return copyMatrix(b.copies, d.matrix(), s.matrix(), d.size)
	})
}

// Join implements engine.Backend.
func (b *Backend) Join() error {
	return b.run("join", func() error { return follow(b.stream, b.copies, b.order) })
}

// follow makes what comes next in s wait for what is queued in before.
func follow(s, before cu.Stream, by cu.Event) error {
	if err := by.Record(before); err != nil {
		return err
	}
	return s.Wait(by, 0)
}

// matrix returns b as a kernel sees it.
func (b *buffer) matrix() matrix { return matrix{b.ptr, b.rows, b.width, b.stride} }
