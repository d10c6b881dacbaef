package cpu

// #include "kernels.h"
import "C"

// swigluStep computes down = silu(gate) * up.
type swigluStep struct {
	gate, up, down *C.float
}

func (s *swigluStep) split() (cols, unit int) { return 0, 0 }
func (s *swigluStep) scratch() int64          { return 0 }

func (s *swigluStep) run(b *Backend, _ *worker, t0, t1, _, _ int) {
	n := b.shape.Intermediate
	C.swiglu_forward(b.variant, offset(s.gate, t0*n), offset(s.up, t0*n), offset(s.down, t0*n), C.int64_t((t1-t0)*n))
}
