//go:build cuda

package cuda

import (
	"fmt"
	"unsafe"

	"gorgonia.org/cu"

	"daybook/engine"
)

// Upload implements engine.Backend.
func (b *Backend) Upload(dst engine.Buffer, src []float32) error {
	return b.run("upload", func() error {
		var o operands
		d := o.buffer("destination", dst)
		switch {
		case o.err != nil:
			return o.err
		case len(src) > d.Len():
			return fmt.Errorf("%d values to a buffer of %d", len(src), d.Len())
		case len(src) == 0:
			return nil
		}
		from := unsafe.Pointer(&src[0])
		if d.size == 2 {
			narrow := make([]uint16, len(src))
			for i, v := range src {
				narrow[i] = engine.BFloat16(v)
			}
			from = unsafe.Pointer(&narrow[0])
		}
		return b.rows(d, len(src), from, b.upload2D)
	})
}

// Download implements engine.Backend.
func (b *Backend) Download(dst []float32, src engine.Buffer) error {
	return b.run("download", func() error {
		var o operands
		s := o.buffer("source", src)
		switch {
		case o.err != nil:
			return o.err
		case len(dst) > s.Len():
			return fmt.Errorf("%d values from a buffer of %d", len(dst), s.Len())
		case len(dst) == 0:
			return b.wait()
		}
		if s.size == 4 {
			return b.rows(s, len(dst), unsafe.Pointer(&dst[0]), b.download2D)
		}
		narrow := make([]uint16, len(dst))
		if err := b.rows(s, len(dst), unsafe.Pointer(&narrow[0]), b.download2D); err != nil {
			return err
		}
		for i, v := range narrow {
			dst[i] = fromBFloat16(v)
		}
		return nil
	})
}

// rows calls move for the full rows among the first n elements of buf, which lie
// end to end at host, and for the rest of them.
func (b *Backend) rows(buf *buffer, n int, host unsafe.Pointer, move func(device pointer, pitch int, host unsafe.Pointer, width, rows int) error) error {
	full, rest := n/buf.width, n%buf.width
	pitch, width := buf.stride*buf.size, buf.width*buf.size
	if full > 0 {
		if err := move(buf.ptr, pitch, host, width, full); err != nil {
			return err
		}
	}
	if rest > 0 {
		return move(buf.ptr.offset(full*pitch), pitch, unsafe.Add(host, full*width), rest*buf.size, 1)
	}
	return nil
}

// upload2D copies rows of width bytes that lie end to end in host memory to rows
// pitch bytes apart, and waits.
func (b *Backend) upload2D(to pointer, pitch int, host unsafe.Pointer, width, rows int) error {
	if b.rehearsal != nil {
		return nil
	}
	var err error
	if pitch == width || rows == 1 {
		err = cu.MemcpyHtoDAsync(cu.DevicePtr(to), host, int64(width)*int64(rows), b.stream)
	} else {
		err = copyRows(b.stream, to, pitch, host, width, rows, true)
	}
	if err != nil {
		return err
	}
	return b.wait()
}

// download2D is upload2D in the other direction.
func (b *Backend) download2D(from pointer, pitch int, host unsafe.Pointer, width, rows int) error {
	if b.rehearsal != nil {
		return nil
	}
	var err error
	if pitch == width || rows == 1 {
		err = cu.MemcpyDtoHAsync(host, cu.DevicePtr(from), int64(width)*int64(rows), b.stream)
	} else {
		err = copyRows(b.stream, from, pitch, host, width, rows, false)
	}
	if err != nil {
		return err
	}
	return b.wait()
}
