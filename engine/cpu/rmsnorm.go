package cpu

// #include "kernels.h"
import "C"

// normStep computes y = rmsnorm(x).
type normStep struct {
	rowStep
	x, weight, y *C.float
}

func (s *normStep) work(b *Backend) int { return 8 * b.shape.Hidden }

func (s *normStep) run(b *Backend, _, _ *C.float, t0, t1, _, _ int) {
	C.rmsnorm_forward(b.variant, s.x, s.weight, C.float(b.shape.NormEps), s.y, C.int64_t(b.shape.Hidden), C.int64_t(t0), C.int64_t(t1))
}

// normBackwardStep adds the gradient of x to dx.
type normBackwardStep struct {
	rowStep
	x, weight, dy, dx *C.float
}

func (s *normBackwardStep) work(b *Backend) int { return 16 * b.shape.Hidden }

func (s *normBackwardStep) run(b *Backend, _, _ *C.float, t0, t1, _, _ int) {
	C.rmsnorm_backward(b.variant, s.x, s.weight, C.float(b.shape.NormEps), s.dy, s.dx, C.int64_t(b.shape.Hidden), C.int64_t(t0), C.int64_t(t1))
}
