package engine

import (
	"errors"
	"fmt"
)

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

// Validate checks b against s: lengths that belong together, tokens and targets
// inside the vocabulary, and positions that the model was made for. The error
// names the document and the place in it.
func (b *Batch) Validate(s Shape) error {
	n := len(b.Tokens)
	switch {
	case n == 0 || len(b.Starts) < 2:
		return errors.New("batch: empty")
	case b.Starts[0] != 0 || int(b.Starts[len(b.Starts)-1]) != n:
		return fmt.Errorf("batch: starts cover %d to %d of %d tokens", b.Starts[0], b.Starts[len(b.Starts)-1], n)
	case len(b.Positions) != n:
		return fmt.Errorf("batch: %d positions for %d tokens", len(b.Positions), n)
	case len(b.Targets) != 0 && len(b.Targets) != n:
		return fmt.Errorf("batch: %d targets for %d tokens", len(b.Targets), n)
	}
	for d := range b.Documents() {
		from, to := b.Starts[d], b.Starts[d+1]
		if from >= to {
			return fmt.Errorf("batch: document %d is empty", d)
		}
		for i := from; i < to; i++ {
			switch t := b.Tokens[i]; {
			case t < 0 || int(t) >= s.Vocab:
				return fmt.Errorf("batch: document %d: token %d: id %d is outside the vocabulary of %d", d, i-from, t, s.Vocab)
			case b.Positions[i] < 0 || int(b.Positions[i]) >= s.MaxPositions:
				return fmt.Errorf("batch: document %d: token %d: position %d is outside the model's %d", d, i-from, b.Positions[i], s.MaxPositions)
			case len(b.Targets) != 0 && b.Targets[i] != Ignore && (b.Targets[i] < 0 || int(b.Targets[i]) >= s.Vocab):
				return fmt.Errorf("batch: document %d: target %d: id %d is outside the vocabulary of %d", d, i-from, b.Targets[i], s.Vocab)
			}
		}
	}
	return nil
}
