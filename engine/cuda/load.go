//go:build cuda

package cuda

import (
	"fmt"

	"gorgonia.org/cu"

	"daybook/engine"
)

// loader fills a batch from pinned memory, by turns from two pieces of it: what is
// being copied, and what is loaded next.
type loader struct {
	staging [2]*staging
	pinned  [2]*pinned
	turn    int
}

// NewBatch implements engine.Backend.
func (b *Backend) NewBatch(maxTokens, maxDocuments int) (engine.DeviceBatch, error) {
	if maxTokens < 1 || maxDocuments < 1 {
		return nil, fmt.Errorf("batch: capacity of %d tokens and %d documents: both must be positive", maxTokens, maxDocuments)
	}
	d := &batch{backend: b, maxTokens: maxTokens, maxDocs: maxDocuments, tileRows: b.attention().rows}
	err := b.run("batch", func() (err error) {
		if d.arena, err = b.allocate(d.bytes()); err != nil {
			return err
		}
		d.place()
		for i := range d.staging {
			if d.pinned[i], err = b.allocatePinned(d.bytes()); err != nil {
				return err
			}
			d.staging[i] = d.stage(d.pinned[i].ptr)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Close gives back what d holds. It must not be used any more.
func (d *batch) Close() error {
	return d.backend.free("batch", func() error {
		hosts := map[*pinned]bool{d.pinned[0]: true, d.pinned[1]: true}
		d.tokens = 0
		return d.backend.giveBack(map[*arena]bool{d.arena: true}, hosts)
	})
}

// Load implements engine.DeviceBatch. It copies while earlier operations run.
func (d *batch) Load(b *engine.Batch) error {
	if err := b.Validate(d.backend.shape); err != nil {
		return err
	}
	n, docs := len(b.Tokens), b.Documents()
	switch {
	case n > d.maxTokens || docs > d.maxDocs:
		return fmt.Errorf("batch: %d tokens in %d documents exceed its capacity of %d in %d", n, docs, d.maxTokens, d.maxDocs)
	case len(b.Keys) != 0 && len(b.Keys) != docs:
		return fmt.Errorf("batch: %d dropout keys for %d documents", len(b.Keys), docs)
	case len(b.Slots) != 0 && len(b.Slots) != docs:
		return fmt.Errorf("batch: %d slots for %d documents", len(b.Slots), docs)
	}
	return d.backend.run("batch", func() error {
		from := d.pinned[d.turn]
		if err := from.copied.Synchronize(); err != nil {
			return err
		}
		d.fill(d.staging[d.turn], b)
		d.turn = 1 - d.turn
		if err := cu.MemcpyHtoDAsync(cu.DevicePtr(d.arena.ptr), from.ptr, d.bytes(), d.backend.stream); err != nil {
			return err
		}
		return from.copied.Record(d.backend.stream)
	})
}
