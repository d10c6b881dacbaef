package cuda

import "daybook/engine"

// align is the alignment of every buffer: what the widest access of a kernel
// and the copy engines like best.
const align = 256 // bytes

// rowAlign is what the row stride of a matrix is a multiple of, so that every
// row begins on a 128-byte line of bfloat16.
const rowAlign = 64 // elements

// arena is a piece of device memory. Whatever keeps an address in it refers to it.
type arena struct {
	ptr   pointer
	bytes int64
}

// Size implements engine.Planner.
func (b *Backend) Size(specs []engine.BufferSpec) int64 {
	l, err := b.layout(specs)
	if err != nil {
		return 0
	}
	return l.bytes
}

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }
