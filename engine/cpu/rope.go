package cpu

// #include "kernels.h"
import "C"

import (
	"fmt"
	"math"

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
	for i := range half {
		inverse := math.Pow(s.RopeTheta, -2*float64(i)/float64(s.HeadDim))
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

// rotate turns the heads of x in rows t0..t1 and columns j0..j1 of a matrix of
// width ld by their positions, sign -1 backwards. j0 and j1 are multiples of
// the head dimension.
func (b *Backend) rotate(d *batch, x *C.float, ld int, sign float32, t0, t1, j0, j1 int) {
	dim := b.shape.HeadDim
	C.rope_rotate(b.variant, offset(x, j0), C.int64_t(ld), C.int64_t((j1-j0)/dim), C.int64_t(dim), (*C.int32_t)(&d.positions[0]),
		address(b.rope.cosine), address(b.rope.sine), C.float(sign), C.int64_t(t0), C.int64_t(t1))
}
