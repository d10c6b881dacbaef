package cpu

// #include "kernels.h"
import "C"

import (
	"fmt"
	"math"
	"unsafe"

	"daybook/engine"
)

// rope caches the angles of rotary position embedding (Su et al. 2021) for
// positions from 0: tables of (positions, HeadDim/2), computed in float64.
type rope struct {
	memory       *memory
	arena        *arena
	cosine, sine []float32
	positions    int
}

// cover makes sure that the tables reach position last.
func (r *rope) cover(s engine.Shape, last int) error {
	if last < r.positions {
		return nil
	}
	n, half := min(max(last+1, 2*r.positions, 64), s.MaxPositions), s.HeadDim/2
	a, err := r.memory.allocate(2 * int64(n) * int64(half))
	if err != nil {
		return fmt.Errorf("rope: tables of %d positions: %w", n, err)
	}
	cosine, sine := a.data[:n*half], a.data[n*half:]
	for i, inverse := range s.InverseFrequencies() {
		for p := range n {
			sin, cos := math.Sincos(float64(p) * inverse)
			cosine[p*half+i], sine[p*half+i] = float32(cos), float32(sin)
		}
	}
	if r.arena != nil {
		r.arena.release()
	}
	r.arena, r.cosine, r.sine, r.positions = a, cosine, sine, n
	return nil
}

// rotation turns heads by the positions of d, sign -1 backwards.
func (b *Backend) rotation(d *batch, sign float32) C.rotation {
	return C.rotation{
		dim: C.int64_t(b.shape.HeadDim), sign: C.float(sign), position: (*C.int32_t)(&d.positions[0]),
		cosine: address(b.rope.cosine), sine: address(b.rope.sine),
	}
}

// rotate is the step that turns q and k by the positions of d.
func (b *Backend) rotate(d *batch, q, k *C.float, sign float32) C.step {
	j := b.jobs.rotated
	j.turn = b.rotation(d, sign)
	j.q, j.k, j.q_cols, j.k_cols = q, k, C.int64_t(b.shape.QDim()), C.int64_t(b.shape.KVDim())
	return C.step{kind: &C.rotate_kind, job: unsafe.Pointer(j)}
}
