package cpu

// #include "kernels.h"
import "C"

import (
	"fmt"
	"unsafe"

	"daybook/engine"
	"daybook/engine/nf4"
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
	o := optim.NewAdamW(cfg, names, values, grads)
	o.StepEightBit = b.stepEightBit
	return &optimizer{o, append([]engine.Param(nil), params...)}, nil
}

// stepEightBit is (*optim.EightBit).Step as a kernel.
func (b *Backend) stepEightBit(q *optim.EightBit, value, grad []float32, f *optim.Factors) {
	C.adamw_eight_bit(b.variant, C.int64_t(len(value)), (*C.float)(&value[0]), (*C.float)(&grad[0]),
		moment(q.M, q.MAbsmax, &nf4.DynamicSigned, nf4.SignedLookup()),
		moment(q.V, q.VAbsmax, &nf4.DynamicUnsigned, nf4.UnsignedLookup()),
		C.adamw_factors{
			beta1: C.float(f.Beta1), rest1: C.float(f.Rest1), beta2: C.float(f.Beta2), rest2: C.float(f.Rest2),
			rate: C.float(f.Rate), epsilon: C.float(f.Epsilon), decay: C.float(f.Decay), clip: C.float(f.Clip),
		})
}

func moment(codes []byte, absmax []float32, m *[256]float32, l *nf4.Lookup) C.moment {
	return C.moment{
		codes: (*C.uint8_t)(&codes[0]), absmax: (*C.float)(&absmax[0]),
		_map: (*C.float)(&m[0]), lookup: (*C.dynamic_lookup)(unsafe.Pointer(l)),
	}
}
