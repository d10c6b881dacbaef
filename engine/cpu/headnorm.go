package cpu

// #include "kernels.h"
import "C"

import (
	"unsafe"

	"daybook/engine"
)

// headNorm describes the norm of the heads of queries and keys to jobs; q and k
// are what it makes of act.RawQ and act.RawK, or their gradients.
func (b *Backend) headNorm(o *operands, l *engine.Layer, act *engine.Activations, t int, q, k *C.float) *C.head_norm {
	s, h := b.shape, b.jobs.headNorm
	h.dim, h.eps = C.int64_t(s.HeadDim), C.float(s.NormEps)
	h.q_weight, h.k_weight = o.floats("q norm", l.QNorm, s.HeadDim), o.floats("k norm", l.KNorm, s.HeadDim)
	h.q, h.k = o.floats("raw q", act.RawQ, t*s.QDim()), o.floats("raw k", act.RawK, t*s.KVDim())
	h.q_y, h.k_y, h.q_cols, h.k_cols = q, k, C.int64_t(s.QDim()), C.int64_t(s.KVDim())
	return h
}

func headNormStep(h *C.head_norm) C.step {
	return C.step{kind: &C.head_norm_kind, job: unsafe.Pointer(h)}
}

func headNormBackwardStep(h *C.head_norm) C.step {
	return C.step{kind: &C.head_norm_backward_kind, job: unsafe.Pointer(h)}
}
