package reports

import (
	"hash/fnv"
	"math/bits"
)

// random is a counter-based generator: what it gives depends on the option's
// seed, the name of its stream and the resample, and not on what was drawn
// before elsewhere. So a row's draws don't change when another row is added, nor
// with the order of rows or the number of processors.
//
// It is SplitMix64 (Steele, Lea & Flood 2014, fig. 14) started at a mixed state.
type random struct{ state uint64 }

const ratio64 = 0x9e3779b97f4a7c15 // 2^64 / golden ratio, odd

// stream starts the generator for a resample.
func stream(seed uint64, name uint64, resample int) random {
	return random{mix(mix(mix(seed+ratio64)^name) + uint64(resample)*ratio64)}
}

// streamName makes a stream of a name.
func streamName(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // a hash takes everything
	return h.Sum64()
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below draws from 0 to n-1 by the high word of a product, whose bias of n/2^64
// is far below what any number of resamples could show.
func (r *random) below(n int) int {
	r.state += ratio64
	high, _ := bits.Mul64(mix(r.state), uint64(n))
	return int(high)
}
