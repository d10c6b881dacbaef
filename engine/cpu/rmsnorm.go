package cpu

// #include "kernels.h"
import "C"

import "unsafe"

// norm is the step y = rmsnorm(x).
func (b *Backend) norm(x, weight, y *C.float) C.step {
	n := b.jobs.norm
	n.cols, n.eps = C.int64_t(b.shape.Hidden), C.float(b.shape.NormEps)
	n.x, n.weight, n.y = x, weight, y
	return C.step{kind: &C.norm_kind, job: unsafe.Pointer(n)}
}

// normBackward is the step that adds the gradient of x to dx.
func (b *Backend) normBackward(x, weight, dy, dx *C.float) C.step {
	n := b.jobs.norm
	n.cols, n.eps = C.int64_t(b.shape.Hidden), C.float(b.shape.NormEps)
	n.x, n.weight, n.dy, n.dx = x, weight, dy, dx
	return C.step{kind: &C.norm_backward_kind, job: unsafe.Pointer(n)}
}
