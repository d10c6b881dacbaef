package cpu

// #include "kernels.h"
import "C"

import (
	"fmt"
	"slices"
	"unsafe"

	"daybook/engine"
)

// batch is a loaded micro-batch.
type batch struct {
	backend            *Backend
	arena              *arena
	maxTokens, maxDocs int

	tokens []int32
	broken int32 // a document whose positions are not consecutive; -1 if there is none
	keyed  bool

	// What kernels read, in the arena.
	positions []int32  // (T)
	where     []uint32 // (T, 3): position and record key, for dropout
	targets   []int32  // (T) or empty
	scored    []int32  // rows that have a target
	starts    []int32  // (D+1)
	slots     []int32  // (D) or empty
	first     []int32  // (D) position of each document's first token
	last      []int32  // (D) row of each document's last token
}

// NewBatch implements engine.Backend.
func (b *Backend) NewBatch(maxTokens, maxDocuments int) (engine.DeviceBatch, error) {
	if maxTokens < 1 || maxDocuments < 1 {
		return nil, fmt.Errorf("batch: capacity of %d tokens and %d documents: both must be positive", maxTokens, maxDocuments)
	}
	a, err := b.memory.allocate(6*int64(maxTokens) + 4*int64(maxDocuments) + 1)
	if err != nil {
		return nil, fmt.Errorf("batch: %w", err)
	}
	rest := unsafe.Pointer(address(a.data))
	next := func(n int) []int32 {
		part := unsafe.Slice((*int32)(rest), n)
		rest = unsafe.Add(rest, 4*n)
		return part
	}
	d := &batch{
		backend: b, arena: a, maxTokens: maxTokens, maxDocs: maxDocuments,
		positions: next(maxTokens), targets: next(maxTokens), scored: next(maxTokens),
		starts: next(maxDocuments + 1), slots: next(maxDocuments), first: next(maxDocuments), last: next(maxDocuments),
	}
	d.where = unsafe.Slice((*uint32)(rest), 3*maxTokens)
	return d, nil
}

// Tokens implements engine.DeviceBatch.
func (d *batch) Tokens() int { return len(d.tokens) }

// Load implements engine.DeviceBatch.
func (d *batch) Load(b *engine.Batch) error {
	if err := b.Validate(d.backend.shape); err != nil {
		return err
	}
	docs := b.Documents()
	switch {
	case len(b.Tokens) > d.maxTokens || docs > d.maxDocs:
		return fmt.Errorf("batch: %d tokens in %d documents exceed its capacity of %d in %d", len(b.Tokens), docs, d.maxTokens, d.maxDocs)
	case len(b.Keys) != 0 && len(b.Keys) != docs:
		return fmt.Errorf("batch: %d dropout keys for %d documents", len(b.Keys), docs)
	case len(b.Slots) != 0 && len(b.Slots) != docs:
		return fmt.Errorf("batch: %d slots for %d documents", len(b.Slots), docs)
	}
	d.tokens = append(d.tokens[:0], b.Tokens...)
	d.targets = append(d.targets[:0], b.Targets...)
	d.starts = append(d.starts[:0], b.Starts...)
	d.slots = append(d.slots[:0], b.Slots...)
	copy(d.positions, b.Positions)
	d.first, d.last = d.first[:0], d.last[:0]
	d.keyed, d.broken = len(b.Keys) != 0, -1
	for i := range docs {
		from, to := b.Starts[i], b.Starts[i+1]
		d.first = append(d.first, b.Positions[from])
		d.last = append(d.last, to-1)
		var key uint64
		if d.keyed {
			key = b.Keys[i]
		}
		for t := from; t < to; t++ {
			w := d.where[3*t : 3*t+3]
			if b.Positions[t] != b.Positions[from]+t-from {
				d.broken = int32(i)
			}
			w[0], w[1], w[2] = uint32(b.Positions[t]), uint32(key), uint32(key>>32)
		}
	}
	d.scored = d.scored[:0]
	for t, target := range d.targets {
		if target != engine.Ignore {
			d.scored = append(d.scored, int32(t))
		}
	}
	return d.backend.rope.cover(d.backend.shape, int(slices.Max(b.Positions)))
}

// loaded returns the batch of an operation.
func (b *Backend) loaded(in engine.DeviceBatch) (*batch, error) {
	d, ok := in.(*batch)
	switch {
	case !ok || d == nil || d.backend != b:
		return nil, fmt.Errorf("batch: %w", errForeign)
	case b.pool.pool == nil:
		return nil, errClosed
	case len(d.tokens) == 0:
		return nil, fmt.Errorf("batch: nothing is loaded")
	}
	return d, nil
}

// documents returns how many there are.
func (d *batch) documents() int { return len(d.starts) - 1 }
