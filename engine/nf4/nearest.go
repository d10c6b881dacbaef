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

// Lookup finds codes in a dynamic map, here and in a backend's kernels. Like
// codeCell it divides the range into cells so small that few midpoints fall into
// one: here the values that share their upper 15 bits, sign, exponent and 6 bits
// of the fraction. The code of x is First of its cell, plus one if the midpoint
// of that number is below x, plus one if the next is too.
type Lookup struct {
	Bounds [258]float32           // midpoints, padded with a value no normalised input exceeds
	First  [1 << (32 - drop)]byte // midpoints below the smallest value of a cell
}

const (
	drop    = 17 // bits of a float32 that don't choose the cell
	perCell = 2  // midpoints in a cell at most: in the unsigned map between .5 and 1
)

func newLookup(m *[256]float32) *Lookup {
	l := &Lookup{}
	for i := range l.Bounds {
		l.Bounds[i] = 2
	}
	for i := range 255 {
		l.Bounds[i] = (m[i] + m[i+1]) / 2
	}
	below := func(bits uint32) (n int) {
		x := math.Float32frombits(bits)
		for n < 255 && l.Bounds[n] < x {
			n++
		}
		return n
	}
	for cell := range l.First {
		near := uint32(cell) << drop
		far := near | (1<<drop - 1)
		if near>>31 != 0 { // among negative numbers more bits mean less
			near, far = far, near
		}
		n := below(near)
		l.First[cell] = byte(n)
		if below(far)-n > perCell {
			panic("nf4: a dynamic map has too many codes close together")
		}
	}
	return l
}

// SignedLookup and UnsignedLookup return the lookups of the two dynamic maps.
var (
	SignedLookup   = sync.OnceValue(func() *Lookup { return newLookup(&DynamicSigned) })
	UnsignedLookup = sync.OnceValue(func() *Lookup { return newLookup(&DynamicUnsigned) })
)

// QuantizeDynamic writes the codes of x in the map m, which is &DynamicSigned
// or &DynamicUnsigned, to codes[:len(x)], and returns the scale, max |x|. Each
// code is the nearest to x[i]*(1/scale), the lower one in a tie; zeros get the
// code of 0.
func QuantizeDynamic(m *[256]float32, codes []byte, x []float32) float32 {
	l := SignedLookup()
	if m == &DynamicUnsigned {
		l = UnsignedLookup()
	}
	scale := maxAbs(x)
	inv := 1 / max(scale, minScale)
	codes = codes[:len(x)]
	for i, v := range x {
		codes[i] = l.code(float32(v * inv))
	}
	return scale
}

// code returns how many midpoints lie below x, which is the code nearest to it.
// Like nearestCode, it takes its decisions from sign bits.
func (l *Lookup) code(x float32) byte {
	n := l.First[math.Float32bits(x)>>drop]
	for range perCell {
		n += byte(math.Float32bits(l.Bounds[n]-x) >> 31)
	}
	return n
}
