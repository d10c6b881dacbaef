package dataset

import "math/bits"

// pcg64 is NumPy's default generator: PCG XSL RR 128/64 (O'Neill 2014) seeded
// through SeedSequence.
type pcg64 struct {
	state, increment uint128
	half             uint32 // upper half of the last number, if held
	held             bool
}

type uint128 struct{ hi, lo uint64 }

func (a uint128) add(b uint128) uint128 {
	lo, carry := bits.Add64(a.lo, b.lo, 0)
	hi, _ := bits.Add64(a.hi, b.hi, carry)
	return uint128{hi, lo}
}

func (a uint128) mul(b uint128) uint128 {
	hi, lo := bits.Mul64(a.lo, b.lo)
	return uint128{hi + a.hi*b.lo + a.lo*b.hi, lo}
}

var pcgMultiplier = uint128{0x2360ED051FC65DA4, 0x4385DF649FCCF645}

// newPCG64 is numpy.random.default_rng(seed).
func newPCG64(seed uint64) *pcg64 {
	s := seedSequence(seed)
	start, stream := uint128{s[0], s[1]}, uint128{s[2], s[3]}
	p := &pcg64{increment: uint128{stream.hi<<1 | stream.lo>>63, stream.lo<<1 | 1}}
	p.step()
	p.state = p.state.add(start)
	p.step()
	return p
}

func (p *pcg64) step() { p.state = p.state.mul(pcgMultiplier).add(p.increment) }

func (p *pcg64) uint64() uint64 {
	p.step()
	return bits.RotateLeft64(p.state.hi^p.state.lo, -int(p.state.hi>>58))
}

// uint32 hands out the lower half of a number and then the upper.
func (p *pcg64) uint32() uint32 {
	if p.held {
		p.held = false
		return p.half
	}
	n := p.uint64()
	p.half, p.held = uint32(n>>32), true
	return uint32(n)
}

// upTo draws from 0..most: as many bits as that has, until they are no more.
func (p *pcg64) upTo(most uint32) uint32 {
	mask := uint32(1)<<bits.Len32(most) - 1
	for {
		if n := p.uint32() & mask; n <= most {
			return n
		}
	}
}

// permutation is Generator.permutation(n), for n up to 2^32.
func (p *pcg64) permutation(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	for i := n - 1; i > 0; i-- { // Fisher and Yates, from the end
		j := p.upTo(uint32(i))
		list[i], list[j] = list[j], list[i]
	}
	return list
}

// seedSequence is SeedSequence(seed).generate_state(4, uint64): the hash of
// O'Neill 2015, "Developing a seed_seq Alternative".
func seedSequence(seed uint64) [4]uint64 {
	const shift = 16
	constant := uint32(0x43B0D7E5)
	hash := func(v uint32) uint32 {
		v ^= constant
		constant *= 0x931E8875
		v *= constant
		return v ^ v>>shift
	}
	pool := [4]uint32{uint32(seed), uint32(seed >> 32)}
	for i := range pool {
		pool[i] = hash(pool[i])
	}
	for from := range pool {
		for to := range pool {
			if from != to {
				v := 0xCA01F9DD*pool[to] - 0x4973F715*hash(pool[from])
				pool[to] = v ^ v>>shift
			}
		}
	}
	var out [4]uint64
	constant = 0x8B51F9DD
	for i := range 8 {
		v := pool[i%4] ^ constant
		constant *= 0x58F38DED
		v *= constant
		v ^= v >> shift
		out[i/2] |= uint64(v) << (i % 2 * 32)
	}
	return out
}
