package cuda

import (
	"errors"
	"fmt"

	"daybook/engine"
)

// pointer is an address in the device's memory.
type pointer uintptr

// offset is p and so many bytes.
func (p pointer) offset(bytes int) pointer { return p + pointer(bytes) }

// matrix is what a kernel sees of a buffer: rows of width elements, stride
// elements apart.
type matrix struct {
	ptr                 pointer
	rows, width, stride int
}

// buffer is a part of an arena: rows of width elements, stride elements apart.
type buffer struct {
	arena               *arena  // nil in host memory
	host                *pinned // nil on the device
	kind                engine.Kind
	ptr                 pointer
	rows, width, stride int
	size                int // bytes of an element
}

// Len implements engine.Buffer.
func (b *buffer) Len() int { return b.rows * b.width }

// columns returns m from column c on.
func (m matrix) columns(c, width, size int) matrix {
	return matrix{m.ptr.offset(c * size), m.rows, width, m.stride}
}

// operands collects the buffers of an operation and remembers the first that
// does not fit.
type operands struct {
	err error
}

// matrix returns buffer b as rows by width: its own shape if that has at least
// as many rows, or what a buffer of a single row holds laid end to end.
func (o *operands) matrix(name string, b engine.Buffer, rows, width int) matrix {
	buf := o.buffer(name, b)
	if buf == nil {
		return matrix{}
	}
	switch {
	case buf.host != nil:
		o.err = fmt.Errorf("%s: the buffer is in host memory", name)
		return matrix{}
	case buf.width == width && buf.rows >= rows:
		return matrix{buf.ptr, rows, width, buf.stride}
	case buf.rows == 1 && buf.width >= rows*width:
		return matrix{buf.ptr, rows, width, width}
	}
	o.err = fmt.Errorf("%s: buffer of %d by %d elements, need %d by %d", name, buf.rows, buf.width, rows, width)
	return matrix{}
}

// vector returns the address of buffer b of one row, which must hold at least n elements.
func (o *operands) vector(name string, b engine.Buffer, n int) pointer {
	return o.matrix(name, b, 1, n).ptr
}

func (o *operands) buffer(name string, b engine.Buffer) *buffer {
	buf, ok := b.(*buffer)
	if o.err != nil {
		return nil
	}
	if !ok || buf == nil {
		o.err = fmt.Errorf("%s: buffer: %w", name, errForeign)
		return nil
	}
	return buf
}

// weight returns w, which must have the dimensions given.
func (o *operands) weight(name string, w engine.Weight, rows, cols int) *weight {
	own, ok := w.(*weight)
	if o.err != nil {
		return nil
	}
	if !ok || own == nil {
		o.err = fmt.Errorf("%s: weight: %w", name, errForeign)
		return nil
	}
	if own.rows != rows || own.cols != cols {
		o.err = fmt.Errorf("%s: weight is %d by %d, want %d by %d", name, own.rows, own.cols, rows, cols)
		return nil
	}
	return own
}

var errForeign = errors.New("made by another backend")
