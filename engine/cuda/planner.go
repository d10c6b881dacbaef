package cuda

import (
	"fmt"

	"daybook/engine"
)

// Overhead is what a run needs of a device beside the memory that a backend plans.
const Overhead = opened + libraries

const (
	// opened is what a process takes when a backend opens, most of it the driver's
	// context: 522 to 524 MiB on an H100. A device of fewer multiprocessors takes less.
	opened = 528 << 20 // bytes
	// libraries is left free from then on for what the driver and cuBLASLt load with
	// the first kernels of each kind: 8 to 18 MiB on an H100. Other generations load
	// other kernels.
	libraries = 64 << 20 // bytes
)

// footprint is what a process takes of a device, in bytes.
type footprint struct {
	backend int64 // memory of the backend
	besides int64 // context, kernels and libraries
	opened  int64 // besides, when the backend opened
}

// leaves returns how much of so many bytes a backend may still plan with.
func (f footprint) leaves(bytes int64) int64 {
	return max(0, bytes-f.backend-max(f.besides, f.opened+libraries))
}

// Plan returns what tells the memory that a backend of these options would take. It
// needs neither a GPU nor a driver.
func Plan(s engine.Shape, o Options) (engine.Planner, error) {
	b, err := newBackend(s, o)
	if err != nil {
		return nil, fmt.Errorf("cuda: %w", err)
	}
	return b, nil
}
