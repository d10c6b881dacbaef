package device

import (
	"daybook/engine"
	"daybook/engine/cpu"
	"daybook/engine/cuda"
)

// Planner returns what tells the memory that a backend of d takes for models of
// shape s, and what a run needs of a GPU besides. The device need not exist.
// What is returned lives as long as the process.
func (d Device) Planner(s engine.Shape) (p engine.Planner, overhead int64, err error) {
	if d == CPU {
		p, err = cpu.Open(s, cpu.Options{})
		return p, 0, err
	}
	p, err = cuda.Plan(s, cuda.Options{Compute: d.compute})
	return p, cuda.Overhead, err
}
