//go:build cuda

package cuda

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"unsafe"
	"weak"

	"gorgonia.org/cu"

	"daybook/engine"
)

// memory is what a backend holds of the device's memory. What nothing refers to
// any more is found by Go's garbage collector and freed by the next allocation
// that needs it, on the thread of that call and after the device is done with it.
type memory struct {
	held           []holding
	pinned         []pinning
	resident, peak int64 // bytes of held
	unclaimed      int64 // allocated since the last collection
}

type holding struct {
	arena weak.Pointer[arena]
	ptr   pointer
	bytes int64
}

// collectAfter is how much new memory makes a collection worth while: Go's
// collector does not see the size of what an unreachable arena holds.
const collectAfter = 256 << 20 // bytes

// allocate returns so many bytes, aligned, with unspecified contents.
func (b *Backend) allocate(bytes int64) (*arena, error) {
	if b.rehearsal != nil {
		return b.rehearsal.allocate(bytes), nil
	}
	m := &b.memory
	if bytes < 0 || bytes > 1<<46 {
		return nil, fmt.Errorf("%d bytes", bytes)
	}
	bytes = max(roundUp(bytes, align), align)
	if err := b.allow(bytes); err != nil {
		return nil, err
	}
	if m.unclaimed += bytes; m.unclaimed > collectAfter {
		if err := b.collect(); err != nil {
			return nil, err
		}
		m.unclaimed = bytes
	}
	p, err := cu.MemAlloc(bytes)
	if errors.Is(err, cu.OutOfMemory) {
		if err := b.collect(); err != nil {
			return nil, err
		}
		p, err = cu.MemAlloc(bytes)
	}
	if errors.Is(err, cu.OutOfMemory) {
		return nil, b.outOfMemory(bytes)
	}
	if err != nil {
		return nil, fmt.Errorf("%d bytes: %w", bytes, err)
	}
	a := &arena{ptr: pointer(p), bytes: bytes}
	m.held = append(m.held, holding{weak.Make(a), a.ptr, bytes})
	m.resident += bytes
	m.peak = max(m.peak, m.resident)
	return a, nil
}

// collect frees what nothing refers to.
func (b *Backend) collect() error {
	runtime.GC()
	if err := b.wait(); err != nil {
		return err
	}
	if err := b.memory.free(func(h holding) bool { return h.arena.Value() == nil }); err != nil {
		return err
	}
	return b.memory.unpin(func(p pinning) bool { return p.memory.Value() == nil })
}

// free frees the holdings that dead picks.
func (m *memory) free(dead func(holding) bool) error {
	kept := m.held[:0]
	var first error
	for _, h := range m.held {
		if !dead(h) {
			kept = append(kept, h)
			continue
		}
		if err := cu.MemFree(cu.DevicePtr(h.ptr)); err != nil && first == nil {
			first = fmt.Errorf("free: %w", err)
		}
		m.resident -= h.bytes
	}
	clear(m.held[len(kept):])
	m.held = kept
	return first
}

// release frees a at once. Nothing may refer to it, and the device must be done with it.
func (m *memory) release(a *arena) error {
	return m.free(func(h holding) bool { return h.ptr == a.ptr })
}

// Free implements engine.Freer.
func (b *Backend) Free(buffers []engine.Buffer) error {
	return b.free("free", func() error {
		arenas, hosts := map[*arena]bool{}, map[*pinned]bool{}
		for _, x := range buffers {
			buf, ok := x.(*buffer)
			if !ok || buf == nil {
				return errForeign
			}
			if buf.host != nil {
				hosts[buf.host] = true
			} else {
				arenas[buf.arena] = true
			}
		}
		return b.giveBack(arenas, hosts)
	})
}

// giveBack frees memory once the device is done with it.
func (b *Backend) giveBack(arenas map[*arena]bool, hosts map[*pinned]bool) error {
	if err := b.wait(); err != nil {
		return err
	}
	var all []error
	for a := range arenas {
		all = append(all, b.memory.release(a))
	}
	for h := range hosts {
		all = append(all, b.memory.unpin(func(p pinning) bool { return p.ptr == h.ptr }))
	}
	return errors.Join(all...)
}

// close frees everything.
func (m *memory) close() error {
	return errors.Join(m.free(func(holding) bool { return true }), m.unpin(func(pinning) bool { return true }))
}

// Reserve implements engine.Backend.
func (b *Backend) Reserve(w engine.Work) error {
	r, err := b.rehearse(w)
	if err != nil {
		return fmt.Errorf("reserve: %w", err)
	}
	return b.run("reserve", func() (err error) {
		if err := b.vacate(); err != nil {
			return err
		}
		if b.workspace.arena, err = b.allocate(r.workspace.most); err != nil {
			return err
		}
		for i, own := range r.masks {
			if own.arena == nil {
				continue
			}
			if b.masks[i].arena, err = b.allocate(own.arena.bytes); err != nil {
				return err
			}
		}
		b.reserved = slices.Collect(maps.Keys(r.products))
		return b.rope.cover(b, lastPosition(b.shape, w))
	})
}

// lastPosition is the last that a token may have in models of shape s.
func lastPosition(s engine.Shape, w engine.Work) int {
	return max(min(w.Tokens, s.MaxPositions), w.Positions) - 1
}

// bytes is what m has of the device.
func (m *masks) bytes() (n int64) {
	for _, own := range m {
		if own.arena != nil {
			n += own.arena.bytes
		}
	}
	return n
}

// vacate gives back what operations work in.
func (b *Backend) vacate() error {
	arenas := map[*arena]bool{}
	for _, own := range b.masks {
		arenas[own.arena] = true
	}
	arenas[b.workspace.arena] = true
	delete(arenas, nil)
	b.workspace, b.masks = workspace{}, masks{}
	return b.giveBack(arenas, nil)
}

// Memory returns the bytes that weights, buffers, caches and scratch take now,
// and the most that they have taken.
func (b *Backend) Memory() (resident, peak int64) { return b.memory.resident, b.memory.peak }

// Allocate implements engine.Backend.
func (b *Backend) Allocate(specs []engine.BufferSpec) ([]engine.Buffer, error) {
	var out []engine.Buffer
	err := b.run("allocate", func() error {
		l, err := b.layout(specs)
		if err != nil {
			return err
		}
		out, err = b.place(l, specs)
		return err
	})
	return out, err
}

// place allocates the arenas of l, zeroed, and returns its buffers.
func (b *Backend) place(l *layout, specs []engine.BufferSpec) ([]engine.Buffer, error) {
	a, err := b.allocate(l.bytes)
	if err != nil {
		return nil, err
	}
	if err := cu.MemsetD8Async(cu.DevicePtr(a.ptr), 0, a.bytes, b.stream); err != nil {
		return nil, err
	}
	var h *pinned
	if l.host > 0 {
		if h, err = b.allocatePinned(l.host); err != nil {
			return nil, err
		}
		clear(unsafe.Slice((*byte)(h.ptr), h.bytes))
	}
	out := make([]engine.Buffer, len(specs))
	for i := range l.buffers {
		buf := &l.buffers[i]
		if specs[i].Host {
			buf.host, buf.ptr = h, pointer(h.ptr)+buf.ptr
		} else {
			buf.arena, buf.ptr = a, a.ptr+buf.ptr
		}
		out[i] = buf
	}
	return out, nil
}
