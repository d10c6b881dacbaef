package cuda

import (
	"errors"
	"fmt"

	"daybook/engine"
)

// cache holds the keys and values of every layer: per layer keys, then values,
// each (slots, KVHeads, positions, HeadDim) in the compute type.
type cache struct {
	backend          *Backend
	arena            *arena
	slots, positions int
	half             int64 // bytes of one layer's keys
}

// Bytes implements engine.Cache.
func (c *cache) Bytes() int64 { return c.arena.bytes }

// keys and values return where a layer's lie.
func (c *cache) keys(layer int) pointer   { return c.arena.ptr + pointer(2*int64(layer)*c.half) }
func (c *cache) values(layer int) pointer { return c.keys(layer) + pointer(c.half) }

// NewCache implements engine.Backend.
func (b *Backend) NewCache(slots, maxPositions int) (engine.Cache, error) {
	if slots < 1 || maxPositions < 1 {
		return nil, fmt.Errorf("cache: %d slots of %d positions: both must be positive", slots, maxPositions)
	}
	c := &cache{backend: b, slots: slots, positions: maxPositions}
	c.half = roundUp(int64(slots)*int64(maxPositions)*int64(b.shape.KVDim())*int64(b.size), align)
	err := b.run("cache", func() (err error) {
		c.arena, err = b.allocate(2 * c.half * int64(b.shape.Layers))
		return err
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

var (
	errSlots     = errors.New("the batch has no slots")
	errPositions = errors.New("positions of a document are not consecutive")
)

// cached returns in as a cache of this backend after checking that the batch and
// the layer fit it.
func (b *Backend) cached(d *batch, in engine.Cache, layer int) (*cache, error) {
	c, ok := in.(*cache)
	switch {
	case !ok || c == nil || c.backend != b:
		return nil, fmt.Errorf("cache: %w", errForeign)
	case layer < 0 || layer >= b.shape.Layers:
		return nil, fmt.Errorf("cache: layer %d of %d", layer, b.shape.Layers)
	case !d.slotted:
		return nil, errSlots
	case !d.consecutive:
		return nil, errPositions
	case d.maxPosition >= c.positions:
		return nil, fmt.Errorf("position %d exceeds the cache's %d", d.maxPosition, c.positions)
	}
	for i, slot := range d.host.slots[:d.documents] {
		if slot < 0 || int(slot) >= c.slots {
			return nil, fmt.Errorf("document %d: slot %d of %d", i, slot, c.slots)
		}
	}
	return c, nil
}

// Store implements engine.Backend.
func (b *Backend) Store(in engine.DeviceBatch, to engine.Cache, layer int, act *engine.Activations) error {
	return b.run("store", func() error {
		d, err := b.loaded(in)
		if err != nil {
			return err
		}
		c, err := b.cached(d, to, layer)
		if err != nil {
			return err
		}
		var o operands
		k, v := o.matrix("k", act.K, d.tokens, b.shape.KVDim()), o.matrix("v", act.V, d.tokens, b.shape.KVDim())
		if o.err != nil {
			return o.err
		}
		f, err := b.fn("cached_attention", "cached_attention_store")
		if err != nil {
			return err
		}
		const threads = 256
		grid := [3]int{d.tokens, (b.shape.KVDim() + threads - 1) / threads, 1}
		return b.launch(f, grid, threads, 0, c.keys(layer), c.values(layer), k, v,
			d.owner, d.positions, d.slots, b.shape.KVHeads, b.shape.HeadDim, c.positions)
	})
}
