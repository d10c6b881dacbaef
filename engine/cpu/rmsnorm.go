package cpu

// #include "kernels.h"
import "C"

// normStep computes y = rmsnorm(x).
type normStep struct {
	x, weight, y *C.float
}

func (s *normStep) split() (cols, unit int) { return 0, 0 }
func (s *normStep) scratch() int64          { return 0 }

func (s *normStep) run(b *Backend, _ *worker, t0, t1, _, _ int) {
	C.rmsnorm_forward(b.variant, s.x, s.weight, C.float(b.shape.NormEps), s.y, C.int64_t(b.shape.Hidden), C.int64_t(t0), C.int64_t(t1))
}

// normBackwardStep adds the gradient of x to dx.
type normBackwardStep struct {
	x, weight, dy, dx *C.float
}

func (s *normBackwardStep) split() (cols, unit int) { return 0, 0 }
func (s *normBackwardStep) scratch() int64          { return 0 }

func (s *normBackwardStep) run(b *Backend, _ *worker, t0, t1, _, _ int) {
	C.rmsnorm_backward(b.variant, s.x, s.weight, C.float(b.shape.NormEps), s.dy, s.dx, C.int64_t(b.shape.Hidden), C.int64_t(t0), C.int64_t(t1))
}
