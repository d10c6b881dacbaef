package engine

import "math/bits"

// Philox4x32 is the counter-based generator of Salmon et al. 2011 with ten
// rounds: a pure function from counter and key to four 32-bit words. Every
// random number of the engine comes from it, so that a result depends on names
// of things (seed, step, record, position), never on order or threads.
func Philox4x32(counter [4]uint32, key [2]uint32) [4]uint32 {
	const (
		m0, m1 = 0xD2511F53, 0xCD9E8D57
		w0, w1 = 0x9E3779B9, 0xBB67AE85
	)
	for range 10 {
		hi0, lo0 := bits.Mul32(m0, counter[0])
		hi1, lo1 := bits.Mul32(m1, counter[2])
		counter = [4]uint32{hi1 ^ counter[1] ^ key[0], lo1, hi0 ^ counter[3] ^ key[1], lo0}
		key[0] += w0
		key[1] += w1
	}
	return counter
}

// Mix folds words into one 64-bit value with the finalizer of SplitMix64
// (Steele et al. 2014); used to derive keys for independent streams.
func Mix(words ...uint64) uint64 {
	var h uint64
	for _, w := range words {
		h += w + 0x9E3779B97F4A7C15
		h = (h ^ h>>30) * 0xBF58476D1CE4E5B9
		h = (h ^ h>>27) * 0x94D049BB133111EB
		h ^= h >> 31
	}
	return h
}

// Streams keep the uses of one seed independent. The numbers are part of the
// numerics version: changing one changes every adapter.
const (
	StreamDropout uint64 = iota + 1
	StreamLoRAInit
	StreamShuffle
	StreamSampling
)

// Dropout identifies the masks of one optimizer step. The element at (record
// key r, position t, channel c) of input i in layer l is kept when
//
//	Philox4x32({c/4, t, lo(r), hi(r)}, {lo(k), hi(k)})[c%4] >= Threshold
//	k = Mix(StreamDropout, Seed, Step, l<<8|i)
//
// and kept elements are multiplied by 1/(1-P).
type Dropout struct {
	P    float32 // probability of dropping; 0 means no dropout at all
	Seed uint64
	Step uint64
}

// Key returns the Philox key for one input of one layer.
func (d Dropout) Key(layer int, in Input) [2]uint32 {
	k := Mix(StreamDropout, d.Seed, d.Step, uint64(layer)<<8|uint64(in))
	return [2]uint32{uint32(k), uint32(k >> 32)}
}

// Threshold returns the word below which an element is dropped.
func (d Dropout) Threshold() uint32 { return uint32(float64(d.P) * (1 << 32)) }

// Random is a sequential view of Philox for host-side choices such as shuffles
// and initial weights.
type Random struct {
	key     [2]uint32
	counter uint64
	words   [4]uint32
	left    int
}

// NewRandom returns the stream derived from words, conventionally a Stream
// constant, a seed, and whatever names the use.
func NewRandom(words ...uint64) *Random {
	k := Mix(words...)
	return &Random{key: [2]uint32{uint32(k), uint32(k >> 32)}}
}

// Uint32 returns the next word.
func (r *Random) Uint32() uint32 {
	if r.left == 0 {
		r.words = Philox4x32([4]uint32{uint32(r.counter), uint32(r.counter >> 32), 0, 0}, r.key)
		r.counter++
		r.left = 4
	}
	r.left--
	return r.words[3-r.left]
}

// Float64 returns a number in [0, 1) with 32 random bits.
func (r *Random) Float64() float64 { return float64(r.Uint32()) / (1 << 32) }

// IntN returns a number in [0, n), without modulo bias. It panics if n <= 0.
func (r *Random) IntN(n int) int {
	if n <= 0 || n > 1<<31 {
		panic("engine: IntN out of range")
	}
	limit := uint32((1<<32)/uint64(n)*uint64(n) - 1)
	for {
		if w := r.Uint32(); w <= limit {
			return int(w % uint32(n))
		}
	}
}

// Perm returns a random permutation of [0, n).
func (r *Random) Perm(n int) []int {
	p := make([]int, n)
	for i := range p {
		j := 0
		if i > 0 {
			j = r.IntN(i + 1)
		}
		p[i], p[j] = p[j], i
	}
	return p
}
