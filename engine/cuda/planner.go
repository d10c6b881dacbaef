package cuda

import (
	"fmt"

	"daybook/engine"
)

// Context is what a process takes of a device beside the memory that a backend
// plans: the driver's context, kernels, and libraries. It was measured on an H100;
// a device of fewer multiprocessors takes less.
const Context = 540 << 20 // bytes

// Plan returns what tells the memory that a backend of these options would take. It
// needs neither a GPU nor a driver.
func Plan(s engine.Shape, o Options) (engine.Planner, error) {
	b, err := newBackend(s, o)
	if err != nil {
		return nil, fmt.Errorf("cuda: %w", err)
	}
	return b, nil
}
