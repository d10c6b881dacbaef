package cpu

// #include <stdlib.h>
// #include "memory.h"
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"unsafe"

	"daybook/engine"
)

// align is the alignment of every buffer in floats: a cache line, which is also
// the widest vector.
const align = 16

// memory counts what a backend holds.
type memory struct {
	resident, peak atomic.Int64
	// unclaimed is what was allocated since the garbage collector last ran for it.
	unclaimed int64
}

// arena is memory outside of Go's heap, so that kernels may keep pointers into
// it from one call to the next. It is freed when nothing refers to it any more;
// whatever holds such a pointer holds the arena too.
type arena struct {
	data    []float32
	memory  *memory
	raw     unsafe.Pointer
	cleanup runtime.Cleanup
}

// release frees a at once. Nothing may refer to it.
func (a *arena) release() {
	a.cleanup.Stop()
	a.memory.free(a.raw, int64(len(a.data))*4)
}

// collectAfter is how much new memory makes a collection worth while: Go's
// collector does not see the size of what an unreachable arena holds.
const collectAfter = 64 << 20 // bytes

// large is from what size on memory is worth large pages, which are mostly 2 MiB.
const large = 8 << 20 // bytes

// allocate returns n zeroed floats, aligned.
func (m *memory) allocate(n int64) (*arena, error) {
	if n < 0 || n > 1<<46 {
		return nil, fmt.Errorf("%d elements", n)
	}
	bytes := n * 4
	if m.unclaimed += bytes; m.unclaimed > collectAfter {
		runtime.GC()
		m.unclaimed = bytes
	}
	raw := C.calloc(C.size_t(bytes+align*4), 1)
	if raw == nil {
		return nil, fmt.Errorf("%d bytes: %w", bytes, errNoMemory)
	}
	if bytes >= large {
		C.advise_large(raw, C.size_t(bytes))
	}
	pad := -uintptr(raw) % (align * 4)
	a := &arena{data: unsafe.Slice((*float32)(unsafe.Add(raw, pad)), n), memory: m, raw: raw}
	m.add(bytes)
	a.cleanup = runtime.AddCleanup(a, func(raw unsafe.Pointer) { m.free(raw, bytes) }, raw)
	return a, nil
}

func (m *memory) free(raw unsafe.Pointer, bytes int64) {
	C.free(raw)
	m.add(-bytes)
}

var errNoMemory = errors.New("out of memory")

func (m *memory) add(bytes int64) {
	now := m.resident.Add(bytes)
	for {
		peak := m.peak.Load()
		if now <= peak || m.peak.CompareAndSwap(peak, now) {
			return
		}
	}
}

// scratch is memory that grows to what is asked of it and keeps nothing.
type scratch struct {
	memory *memory
	arena  *arena
}

// floats returns at least n floats, with unspecified contents.
func (s *scratch) floats(n int64) ([]float32, error) {
	if s.arena == nil || int64(len(s.arena.data)) < n {
		if s.arena != nil {
			s.arena.release()
			s.arena = nil
		}
		a, err := s.memory.allocate(n)
		if err != nil {
			return nil, fmt.Errorf("scratch: %w", err)
		}
		s.arena = a
	}
	return s.arena.data, nil
}

// buffer is a part of an arena.
type buffer struct {
	arena *arena
	data  []float32
}

// Len implements engine.Buffer.
func (b *buffer) Len() int { return len(b.data) }

func aligned(n int) int64 { return (int64(n) + align - 1) / align * align }

// Size implements engine.Planner.
func (b *Backend) Size(specs []engine.BufferSpec) int64 {
	var n int64
	for _, s := range specs {
		n += aligned(s.Len)
	}
	return n * 4
}

// Allocate implements engine.Backend.
func (b *Backend) Allocate(specs []engine.BufferSpec) ([]engine.Buffer, error) {
	for _, s := range specs {
		if s.Len < 0 {
			return nil, fmt.Errorf("allocate: %s: %d elements", s.Name, s.Len)
		}
	}
	a, err := b.memory.allocate(b.Size(specs) / 4)
	if err != nil {
		return nil, fmt.Errorf("allocate: %w", err)
	}
	out := make([]engine.Buffer, len(specs))
	var at int64
	for i, s := range specs {
		out[i] = &buffer{arena: a, data: a.data[at : at+int64(s.Len) : at+int64(s.Len)]}
		at += aligned(s.Len)
	}
	return out, nil
}

// Upload implements engine.Backend.
func (b *Backend) Upload(dst engine.Buffer, src []float32) error {
	d, ok := dst.(*buffer)
	switch {
	case !ok:
		return fmt.Errorf("upload: buffer: %w", errForeign)
	case len(src) > len(d.data):
		return fmt.Errorf("upload: %d values to a buffer of %d", len(src), len(d.data))
	}
	copy(d.data, src)
	keep(dst)
	return nil
}

// Download implements engine.Backend.
func (b *Backend) Download(dst []float32, src engine.Buffer) error {
	s, ok := src.(*buffer)
	switch {
	case !ok:
		return fmt.Errorf("download: buffer: %w", errForeign)
	case len(dst) > len(s.data):
		return fmt.Errorf("download: %d values from a buffer of %d", len(dst), len(s.data))
	}
	copy(dst, s.data)
	keep(src)
	return nil
}

// Copy implements engine.Backend. It is done when it returns.
func (b *Backend) Copy(dst, src engine.Buffer) error {
	d, ok := dst.(*buffer)
	s, also := src.(*buffer)
	switch {
	case !ok || !also:
		return fmt.Errorf("copy: buffer: %w", errForeign)
	case len(d.data) != len(s.data):
		return fmt.Errorf("copy: %d elements to a buffer of %d", len(s.data), len(d.data))
	}
	copy(d.data, s.data)
	keep(dst, src)
	return nil
}

// Scratch implements engine.Planner: what a thread unpacks of a weight at a time,
// and the gradients of an input's low columns. Logits and scores of a few rows
// are small beside it.
func (b *Backend) Scratch(w engine.Work) int64 {
	low := w.Ranks[engine.Q] + w.Ranks[engine.K] + w.Ranks[engine.V]
	return int64(b.pool.threads)<<20 + 4*int64(w.Tokens)*int64(low)
}

// Reserve implements engine.Backend. Scratch grows when it is needed.
func (b *Backend) Reserve(engine.Work) error { return nil }

// Join implements engine.Backend.
func (b *Backend) Join() error { return nil }

// Available implements engine.Backend. How much the system would give, and from
// whom it would take it, is for the system to know.
func (b *Backend) Available() (int64, error) { return -1, nil }

// operands collects the buffers of an operation and remembers the first that
// does not fit.
type operands struct {
	err error
}

// floats returns the address of buffer b, which must hold at least n elements.
func (o *operands) floats(name string, b engine.Buffer, n int) *C.float {
	buf, ok := b.(*buffer)
	switch {
	case o.err != nil:
	case !ok || buf == nil:
		o.err = fmt.Errorf("%s: buffer: %w", name, errForeign)
	case len(buf.data) < n:
		o.err = fmt.Errorf("%s: buffer of %d elements, need %d", name, len(buf.data), n)
	case n > 0:
		return (*C.float)(unsafe.Pointer(&buf.data[0]))
	}
	return nil
}

// of is floats for a buffer of projection p.
func (o *operands) of(p engine.Projection, name string, b engine.Buffer, n int) *C.float {
	before := o.err
	f := o.floats(name, b, n)
	if before == nil && o.err != nil {
		o.err = fmt.Errorf("%s: %w", p, o.err)
	}
	return f
}

// keep is deferred by every operation with its arguments: what they refer to
// stays until the operation is done. Kernels' pointers do not hold it.
//
//go:noinline
func keep(...any) {}

// address is where f lies outside of Go's heap.
func address(f []float32) *C.float { return (*C.float)(unsafe.Pointer(unsafe.SliceData(f))) }
