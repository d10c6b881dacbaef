package nf4

import (
	"math"
	"sync"
)

// cells divides [-1, 1] so finely that no two thresholds between NF4 codes
// fall into one cell (the closest are 0.08 apart): one lookup and one
// comparison find a code.
const cells = 32

// codeCell describes one cell: the code of its lower edge and the threshold
// above which the next code is nearer. Cell 32 holds only 1.
var codeCell = func() (t [cells + 1]struct {
	code  byte
	bound float32
},
) {
	for c := range t {
		// A value that rounds into a cell from just outside is still on the
		// right side of the cell's threshold, as none lies near an edge.
		edge := float32(c)/(cells/2) - 1
		for t[c].code < 15 && codeBound(t[c].code) < edge {
			t[c].code++
		}
		t[c].bound = 2 // out of reach
		if t[c].code < 15 {
			t[c].bound = codeBound(t[c].code)
		}
	}
	return t
}()

// codeBound returns the midpoint between code c and the next.
func codeBound(c byte) float32 { return (Codes[c] + Codes[c+1]) / 2 }

// nearestCode returns the NF4 code of x in [-1, 1]; a tie goes to the lower code.
func nearestCode(x float32) byte {
	// A tiny excess over 1 is possible, as 1/absmax is rounded; NaN goes to code 0.
	i := int32((x + 1) * (cells / 2))
	if uint32(i) > cells {
		if x > 0 {
			return 15
		}
		return 0
	}
	// The sign bit of bound-x says whether x > bound, without a branch that
	// weights would mispredict half the time.
	c := &codeCell[i]
	return c.code + byte(math.Float32bits(c.bound-x)>>31)
}

// bounds holds the midpoints of a dynamic map, padded to 256 with a value no
// normalised input exceeds.
type bounds [256]float32

func midpoints(m *[256]float32) *bounds {
	var b bounds
	for i := range 255 {
		b[i] = (m[i] + m[i+1]) / 2
	}
	b[255] = 2
	return &b
}

var (
	signedBounds   = sync.OnceValue(func() *bounds { return midpoints(&DynamicSigned) })
	unsignedBounds = sync.OnceValue(func() *bounds { return midpoints(&DynamicUnsigned) })
)

// QuantizeDynamic writes the codes of x in the map m, which is &DynamicSigned
// or &DynamicUnsigned, to codes[:len(x)], and returns the scale, max |x|. Each
// code is the nearest to x[i]*(1/scale), the lower one in a tie; zeros get the
// code of 0.
func QuantizeDynamic(m *[256]float32, codes []byte, x []float32) float32 {
	b := signedBounds()
	if m == &DynamicUnsigned {
		b = unsignedBounds()
	}
	scale := maxAbs(x)
	inv := 1 / max(scale, minScale)
	codes = codes[:len(x)]
	for i, v := range x {
		codes[i] = b.count(float32(v * inv))
	}
	return scale
}

// count returns how many midpoints lie below x: a binary search that, like
// nearestCode, takes its decisions from sign bits.
func (b *bounds) count(x float32) byte {
	n := uint32(0)
	for shift := 7; shift >= 0; shift-- {
		above := math.Float32bits(b[(n+(1<<shift)-1)&255]-x) >> 31
		n += above << shift
	}
	return byte(n)
}
