//go:build cuda

package cuda

import (
	"errors"
	"fmt"

	"gorgonia.org/cu"
)

var errMemory = errors.New("out of device memory")

// Available implements engine.Backend: what is free once everything that nothing
// refers to has been given back, or what is left of Options.Memory if that is less,
// but for what is kept free for libraries.
func (b *Backend) Available() (int64, error) {
	var n int64
	err := b.run("available memory", func() (err error) {
		if err = b.collect(); err == nil {
			n, err = b.available()
		}
		return err
	})
	return n, err
}

func (b *Backend) available() (int64, error) {
	free, _, err := cu.MemInfo()
	if err != nil {
		return 0, err
	}
	taken, err := b.taken()
	if err != nil {
		return 0, err
	}
	most := free + taken
	if limit := b.options.Memory; limit > 0 {
		most = min(most, limit)
	}
	f := footprint{backend: b.memory.resident, besides: taken - b.memory.resident, opened: b.opened}
	return f.leaves(most) + b.workspace.bytes() + b.masks.bytes(), nil
}

// taken is what the process takes of the device's memory, contexts and libraries
// included. NVML knows, but only some time later; what everybody takes is known
// at once, and what others take seldom changes.
func (b *Backend) taken() (int64, error) {
	free, total, err := cu.MemInfo()
	if err != nil {
		return 0, err
	}
	return max(b.memory.resident, total-free-b.others(total)), nil
}

// others is what all but this process take, of the memory that the driver gives
// out, total.
func (b *Backend) others(total int64) int64 {
	m, err := b.device.memoryInUse()
	if err != nil || m.process < 0 {
		return b.before
	}
	return max(0, m.all-m.process-(m.total-total))
}

// allow fails if so many bytes more would exceed Options.Memory even when
// everything that nothing refers to is freed.
func (b *Backend) allow(bytes int64) error {
	limit := b.options.Memory
	if limit == 0 {
		return nil
	}
	taken, err := b.taken()
	if err != nil || taken+bytes <= limit {
		return err
	}
	if err := b.collect(); err != nil {
		return err
	}
	if taken, err = b.taken(); err != nil || taken+bytes <= limit {
		return err
	}
	return b.outOfMemory(bytes)
}

// outOfMemory says that so many bytes more do not fit.
func (b *Backend) outOfMemory(bytes int64) error {
	err := fmt.Errorf("%d bytes beside the %d in use on device %d: %w", bytes, b.memory.resident, b.options.Device, errMemory)
	if limit := b.options.Memory; limit > 0 {
		err = fmt.Errorf("%d bytes beside the %d in use on device %d, of %d allowed: %w", bytes, b.memory.resident, b.options.Device, limit, errMemory)
	}
	return hinted{err, "`daybook estimate` says what a run takes; if that was free when it began, something else has taken it since: `nvidia-smi` lists who"}
}
