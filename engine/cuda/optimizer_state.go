//go:build cuda

package cuda

import (
	"errors"
	"unsafe"

	"gorgonia.org/cu"
)

// residentState keeps the moments in device memory.
type residentState struct {
	backend *Backend
	arena   *arena
	pieces  int
	bytes   int64
}

func (b *Backend) newResidentState(p *statePlan) (*residentState, error) {
	a, err := b.allocate(p.bytes)
	if err != nil {
		return nil, err
	}
	return &residentState{b, a, len(p.pieces), p.bytes}, cu.MemsetD8Async(cu.DevicePtr(a.ptr), 0, a.bytes, b.stream)
}

func (s *residentState) update(step func(base pointer, first, n int) error) error {
	return step(s.arena.ptr, 0, s.pieces)
}

func (s *residentState) save(dst []byte) error {
	if len(dst) == 0 {
		return nil
	}
	return s.backend.download2D(s.arena.ptr, len(dst), unsafe.Pointer(&dst[0]), len(dst), 1)
}

func (s *residentState) load(src []byte) error {
	if len(src) == 0 {
		return nil
	}
	return s.backend.upload2D(s.arena.ptr, len(src), unsafe.Pointer(&src[0]), len(src), 1)
}

// pageBytes is what pages of paged state hold: large enough for full speed of the
// bus, small enough that two of them are nothing.
const pageBytes = 4 << 20

// page is a run of pieces whose states are moved together.
type page struct {
	first, n     int // pieces
	offset, size int64
}

// pagedState keeps the moments in pinned host memory. Two pages at a time are on
// the device: while one is updated, the one before goes back and the next comes,
// on the stream of copies. The first page of a step comes at the end of the last.
type pagedState struct {
	backend *Backend
	host    *pinned
	slots   *arena
	room    int64 // bytes of a slot
	pages   []page
}

func (b *Backend) newPagedState(p *statePlan) (*pagedState, error) {
	s := &pagedState{backend: b}
	for i, c := range p.pieces {
		size := roundUp(c.parts().bytes(), stateAlign)
		if last := len(s.pages) - 1; last >= 0 && s.pages[last].size+size <= pageBytes {
			s.pages[last].n++
			s.pages[last].size += size
		} else {
			s.pages = append(s.pages, page{i, 1, c.state, size})
		}
		s.room = max(s.room, roundUp(s.pages[len(s.pages)-1].size, align))
	}
	var err error
	if s.host, err = b.allocatePinned(p.bytes); err != nil {
		return nil, err
	}
	clear(s.bytes())
	if s.slots, err = b.allocate(2 * s.room); err != nil {
		return nil, err
	}
	return s, s.fetch(0)
}

func (s *pagedState) bytes() []byte { return unsafe.Slice((*byte)(s.host.ptr), s.host.bytes) }

// slot is where page i is on the device while it is there.
func (s *pagedState) slot(i int) pointer { return s.slots.ptr.offset(i % 2 * int(s.room)) }

// fetch queues the copy of page i to the device.
func (s *pagedState) fetch(i int) error {
	p := s.pages[i]
	err := cu.MemcpyHtoDAsync(cu.DevicePtr(s.slot(i)), unsafe.Add(s.host.ptr, p.offset), p.size, s.backend.copies)
	return errors.Join(err, s.host.copied.Record(s.backend.copies))
}

// put queues the copy of page i back to the host.
func (s *pagedState) put(i int) error {
	p := s.pages[i]
	err := cu.MemcpyDtoHAsync(unsafe.Add(s.host.ptr, p.offset), cu.DevicePtr(s.slot(i)), p.size, s.backend.copies)
	return errors.Join(err, s.host.copied.Record(s.backend.copies))
}

func (s *pagedState) update(step func(base pointer, first, n int) error) error {
	b := s.backend
	for i, p := range s.pages {
		// The last copy in line is that of page i to the device.
		if err := follow(b.stream, b.copies, b.order); err != nil {
			return err
		}
		if err := step(s.slot(i)-pointer(p.offset), p.first, p.n); err != nil {
			return err
		}
		if i+1 < len(s.pages) {
			if err := s.fetch(i + 1); err != nil {
				return err
			}
		}
		if err := follow(b.copies, b.stream, b.order); err != nil {
			return err
		}
		if err := s.put(i); err != nil {
			return err
		}
	}
	return s.fetch(0)
}

func (s *pagedState) save(dst []byte) error {
	if err := s.backend.copies.Synchronize(); err != nil {
		return err
	}
	copy(dst, s.bytes())
	return nil
}

func (s *pagedState) load(src []byte) error {
	if err := s.backend.copies.Synchronize(); err != nil {
		return err
	}
	copy(s.bytes(), src)
	return s.fetch(0)
}
