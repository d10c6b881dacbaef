//go:build cuda

package cuda

// #include <cuda.h>
import "C"

import (
	"errors"
	"fmt"
	"unsafe"
	"weak"

	"gorgonia.org/cu"
)

// pinned is page-locked host memory, which the device copies from and to while
// the host goes on.
type pinned struct {
	ptr    unsafe.Pointer
	bytes  int64
	copied cu.Event // recorded behind the last copy from or to it
}

// allocatePinned returns page-locked host memory, freed like device memory once
// nothing refers to it and the device is done.
func (b *Backend) allocatePinned(bytes int64) (*pinned, error) {
	var p unsafe.Pointer
	if err := failure(C.cuMemHostAlloc(&p, C.size_t(bytes), C.CU_MEMHOSTALLOC_PORTABLE)); err != nil {
		return nil, fmt.Errorf("%d bytes of pinned host memory: %w", bytes, err)
	}
	e, err := cu.MakeEvent(cu.DisableTiming)
	if err != nil {
		_ = cu.MemFreeHost(p) // the first error says more
		return nil, fmt.Errorf("event: %w", err)
	}
	h := &pinned{ptr: p, bytes: bytes, copied: e}
	b.memory.pinned = append(b.memory.pinned, pinning{weak.Make(h), p, e})
	return h, nil
}

type pinning struct {
	memory weak.Pointer[pinned]
	ptr    unsafe.Pointer
	copied cu.Event
}

// unpin frees the pinned memory that dead picks.
func (m *memory) unpin(dead func(pinning) bool) error {
	kept := m.pinned[:0]
	var first error
	for _, p := range m.pinned {
		if !dead(p) {
			kept = append(kept, p)
			continue
		}
		if err := errors.Join(cu.DestroyEvent(&p.copied), cu.MemFreeHost(p.ptr)); err != nil && first == nil {
			first = fmt.Errorf("free pinned memory: %w", err)
		}
	}
	clear(m.pinned[len(kept):])
	m.pinned = kept
	return first
}
