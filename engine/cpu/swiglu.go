package cpu

// #include "kernels.h"
import "C"

// swigluStep computes down = silu(gate) * up.
type swigluStep struct {
	rowStep
	gate, up, down *C.float
}

func (s *swigluStep) work(b *Backend) int { return 32 * b.shape.Intermediate }

func (s *swigluStep) run(b *Backend, _, _ *C.float, t0, t1, _, _ int) {
	n := b.shape.Intermediate
	C.swiglu_forward(b.variant, offset(s.gate, t0*n), offset(s.up, t0*n), offset(s.down, t0*n), C.int64_t((t1-t0)*n))
}
