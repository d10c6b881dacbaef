package optim

import "daybook/engine/nf4"

// block is how many elements share a scale; a tensor's last block may be shorter.
const block = 256

// EightBit is the 8-bit state of one tensor. Codes and scales start at zero,
// which decodes to zero.
type EightBit struct {
	M, V             []byte    // (n) codes in nf4.DynamicSigned and nf4.DynamicUnsigned
	MAbsmax, VAbsmax []float32 // (ceil(n/256)) scales
}

func newEightBit(n int) *EightBit {
	blocks := (n + block - 1) / block
	return &EightBit{make([]byte, n), make([]byte, n), make([]float32, blocks), make([]float32, blocks)}
}

// Step updates value with the new moments as computed, then stores them in 8 bits.
func (q *EightBit) Step(value, grad []float32, f *Factors) {
	var m, v [block]float32
	for b, mScale := range q.MAbsmax {
		vScale := q.VAbsmax[b]
		from, to := b*block, min((b+1)*block, len(value))
		mCodes, vCodes := q.M[from:to], q.V[from:to]
		p, g := value[from:to], grad[from:to]
		for i := range p {
			m[i], v[i] = f.moments(g[i], float32(nf4.DynamicSigned[mCodes[i]]*mScale), float32(nf4.DynamicUnsigned[vCodes[i]]*vScale))
			p[i] += f.update(m[i], v[i])
		}
		f.decayAll(p)
		q.MAbsmax[b] = nf4.QuantizeDynamic(&nf4.DynamicSigned, mCodes, m[:len(p)])
		q.VAbsmax[b] = nf4.QuantizeDynamic(&nf4.DynamicUnsigned, vCodes, v[:len(p)])
		for i, c := range mCodes {
			// Codes below zeroCode are the negative ones. A positive m can't
			// get one, as zero is nearer.
			if c == zeroCode && m[i] < 0 {
				mCodes[i] = zeroCode - 1
			}
		}
	}
}

// zeroCode is the code of 0 in nf4.DynamicSigned.
const zeroCode = 127
