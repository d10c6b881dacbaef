package cuda

import (
	"fmt"
	"slices"
	"unsafe"

	"daybook/engine"
)

// batch is a loaded micro-batch. Its arrays lie at fixed places of one piece of
// device memory, filled by one copy from pinned memory.
type batch struct {
	backend            *Backend
	arena              *arena
	maxTokens, maxDocs int

	loads             int  // how often it was loaded
	tokens, documents int  // T and D of what is loaded; T is 0 before the first
	keyed             bool // has dropout keys
	targeted          bool // has targets
	slotted           bool // has cache slots
	consecutive       bool // positions of every document are
	continued         bool // no document begins at position 0: all go on in a cache
	scores            int  // tokens with a target
	maxPosition       int
	longest           int // tokens of the longest document
	tileRows          int // of attention's tiles
	tileCount         int // in each of the two lists

	// On the device.
	ids       pointer // (T) int32
	positions pointer // (T) int32
	targets   pointer // (T) int32, engine.Ignore where there is none
	owner     pointer // (T) int32, the document of each token
	starts    pointer // (D+1) int32
	last      pointer // (D) int32, the row of each document's last token
	slots     pointer // (D) int32, 0 without a cache
	scored    pointer // (scores) int32, the rows of the tokens with a target
	keys      pointer // (D) uint64, 0 without dropout
	byKeys    pointer // (tileCount) tile; see cut
	byQueries pointer // (tileCount) tile

	loader
	host *staging // what is loaded, on the host
}

// staging is a batch on the host.
type staging struct {
	ids, positions, targets, owner, starts, last, slots, scored []int32
	keys                                                        []uint64
	byKeys, byQueries                                           []tile
}

// lengths of the arrays of a batch in int32, in the order in which they lie.
func (d *batch) lengths() [11]int {
	tiles := maxTiles(d.maxTokens, d.maxDocs, d.tileRows) * tileBytes / 4
	return [...]int{
		2 * d.maxDocs, // keys first, for their alignment
		d.maxTokens, d.maxTokens, d.maxTokens, d.maxTokens,
		d.maxDocs + 1, d.maxDocs, d.maxDocs, d.maxTokens,
		tiles, tiles,
	}
}

// arrayAlign is the alignment of each array of a batch.
const arrayAlign = 16 // bytes

func (d *batch) bytes() int64 {
	var n int64
	for _, l := range d.lengths() {
		n += roundUp(4*int64(l), arrayAlign)
	}
	return n
}

// place sets the device addresses.
func (d *batch) place() {
	at := d.arena.ptr
	for i, p := range []*pointer{&d.keys, &d.ids, &d.positions, &d.targets, &d.owner, &d.starts, &d.last, &d.slots, &d.scored, &d.byKeys, &d.byQueries} {
		*p = at
		at = at.offset(int(roundUp(4*int64(d.lengths()[i]), arrayAlign)))
	}
}

// stage returns the arrays of d at m, on the host.
func (d *batch) stage(m unsafe.Pointer) *staging {
	s := &staging{}
	next := func(i int) []int32 {
		n := d.lengths()[i]
		part := unsafe.Slice((*int32)(m), n)
		m = unsafe.Add(m, roundUp(4*int64(n), arrayAlign))
		return part
	}
	s.keys = unsafe.Slice((*uint64)(m), d.maxDocs)
	next(0)
	s.ids, s.positions, s.targets, s.owner = next(1), next(2), next(3), next(4)
	s.starts, s.last, s.slots, s.scored = next(5), next(6), next(7), next(8)
	s.byKeys, s.byQueries = tilesIn(next(9)), tilesIn(next(10))
	return s
}

// Tokens implements engine.DeviceBatch.
func (d *batch) Tokens() int { return d.tokens }

// fill writes b to s and remembers what the host needs of it.
func (d *batch) fill(s *staging, b *engine.Batch) {
	d.loads++
	d.host, d.tokens, d.documents = s, len(b.Tokens), b.Documents()
	d.keyed, d.targeted, d.slotted = len(b.Keys) != 0, len(b.Targets) != 0, len(b.Slots) != 0
	d.maxPosition, d.longest, d.consecutive, d.continued, d.scores = int(slices.Max(b.Positions)), 0, true, true, 0
	copy(s.ids, b.Tokens)
	copy(s.positions, b.Positions)
	copy(s.starts, b.Starts)
	copy(s.slots, b.Slots)
	copy(s.keys, b.Keys)
	copy(s.targets, b.Targets)
	for i := len(b.Targets); i < d.tokens; i++ {
		s.targets[i] = engine.Ignore
	}
	for i, target := range b.Targets {
		if target != engine.Ignore {
			s.scored[d.scores] = int32(i)
			d.scores++
		}
	}
	if d.tileRows != 0 {
		d.tileCount = cut(s.byKeys, s.byQueries, b.Starts, d.tileRows)
	}
	for doc := range d.documents {
		from, to := b.Starts[doc], b.Starts[doc+1]
		s.last[doc] = to - 1
		d.longest = max(d.longest, int(to-from))
		if b.Positions[from] == 0 {
			d.continued = false
		}
		for t := from; t < to; t++ {
			s.owner[t] = int32(doc)
			if b.Positions[t] != b.Positions[from]+t-from {
				d.consecutive = false
			}
		}
	}
}

// loaded returns the batch of an operation.
func (b *Backend) loaded(in engine.DeviceBatch) (*batch, error) {
	d, ok := in.(*batch)
	switch {
	case !ok || d == nil || d.backend != b:
		return nil, fmt.Errorf("batch: %w", errForeign)
	case d.tokens == 0:
		return nil, fmt.Errorf("batch: nothing is loaded")
	}
	return d, nil
}
