package engine

// Batch is one micro-batch: documents laid end to end without padding. Whether
// its documents came from packed rows or from a plain batch makes no difference
// to the maths: attention and positions restart at every document.
type Batch struct {
	Tokens    []int32  // (T)
	Positions []int32  // (T), from 0 in each document when training; absolute positions when decoding
	Starts    []int32  // (D+1) cumulative: document d is tokens Starts[d]..Starts[d+1]
	Targets   []int32  // (T) or nil when there is no loss
	Keys      []uint64 // (D) dropout keys, one a document; nil without dropout
	Slots     []int32  // (D) cache slots, one a document; nil without a cache
}

// Documents returns D.
func (b *Batch) Documents() int { return len(b.Starts) - 1 }

// Add appends a document. Targets may be nil.
func (b *Batch) Add(tokens, targets []int32, key uint64) {
	if len(b.Starts) == 0 {
		b.Starts = append(b.Starts, 0)
	}
	b.Tokens = append(b.Tokens, tokens...)
	for i := range tokens {
		b.Positions = append(b.Positions, int32(i))
	}
	b.Targets = append(b.Targets, targets...)
	b.Keys = append(b.Keys, key)
	b.Starts = append(b.Starts, int32(len(b.Tokens)))
}

// DropoutKey is the record part of the dropout counter for an example: the
// first eight bytes of its ID, little-endian, so that a mask does not depend on
// where in a batch or an epoch the example stands.
func DropoutKey(id [32]byte) uint64 {
	var k uint64
	for i := range 8 {
		k |= uint64(id[i]) << (8 * i)
	}
	return k
}
