package cpu

import (
	"fmt"

	"daybook/engine"
	"daybook/engine/optim"
)

// optimizer keeps the buffers that AdamW works on alive.
type optimizer struct {
	*optim.AdamW
	params []engine.Param
}

// NewOptimizer implements engine.Backend: AdamW of package optim, in place.
// Paged state is where it always is, in host memory.
func (b *Backend) NewOptimizer(cfg engine.OptimizerConfig, params []engine.Param) (engine.Optimizer, error) {
	names := make([]string, len(params))
	values, grads := make([][]float32, len(params)), make([][]float32, len(params))
	for i, p := range params {
		value, ok1 := p.Value.(*buffer)
		grad, ok2 := p.Grad.(*buffer)
		switch {
		case !ok1 || !ok2:
			return nil, fmt.Errorf("optimizer: %s: buffer: %w", p.Name, errForeign)
		case len(value.data) != len(grad.data):
			return nil, fmt.Errorf("optimizer: %s: %d values with %d gradients", p.Name, len(value.data), len(grad.data))
		}
		names[i], values[i], grads[i] = p.Name, value.data, grad.data
	}
	return &optimizer{optim.NewAdamW(cfg, names, values, grads), append([]engine.Param(nil), params...)}, nil
}
