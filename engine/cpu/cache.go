package cpu

// #include "kernels.h"
import "C"

import (
	"errors"
	"fmt"

	"daybook/engine"
)

// cache holds keys and values of every layer, laid out as attention reads them.
type cache struct {
	backend          *Backend
	arena            *arena
	slots, positions int
	half             int64 // floats of one layer's keys
}

// Bytes implements engine.Cache.
func (c *cache) Bytes() int64 { return int64(len(c.arena.data)) * 4 }

// NewCache implements engine.Backend.
func (b *Backend) NewCache(slots, maxPositions int) (engine.Cache, error) {
	if slots < 1 || maxPositions < 1 {
		return nil, fmt.Errorf("cache: %d slots of %d positions: both must be positive", slots, maxPositions)
	}
	half := int64(slots) * int64(C.cache_floats(C.int64_t(maxPositions), C.int64_t(b.shape.KVHeads), C.int64_t(b.shape.HeadDim)))
	a, err := b.memory.allocate(2 * half * int64(b.shape.Layers))
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	return &cache{backend: b, arena: a, slots: slots, positions: maxPositions, half: half}, nil
}

var errSlots = errors.New("the batch has no slots")

// cached sets the job's layer of c after checking that the batch fits it.
func (b *Backend) cached(d *batch, in engine.Cache, layer int) error {
	c, ok := in.(*cache)
	switch {
	case !ok || c == nil || c.backend != b:
		return fmt.Errorf("cache: %w", errForeign)
	case layer < 0 || layer >= b.shape.Layers:
		return fmt.Errorf("cache: layer %d of %d", layer, b.shape.Layers)
	case len(d.slots) == 0:
		return errSlots
	}
	if d.broken >= 0 {
		return fmt.Errorf("document %d: positions are not consecutive", d.broken)
	}
	for i, slot := range d.slots {
		if slot < 0 || int(slot) >= c.slots {
			return fmt.Errorf("document %d: slot %d of %d", i, slot, c.slots)
		}
		if end := int(d.first[i] + d.starts[i+1] - d.starts[i]); end > c.positions {
			return fmt.Errorf("document %d: %d positions exceed the cache's %d", i, end, c.positions)
		}
	}
	l, at := b.jobs.cache, 2*c.half*int64(layer)
	l.keys, l.values = address(c.arena.data[at:]), address(c.arena.data[at+c.half:])
	l.positions = C.int64_t((c.positions + C.PANEL - 1) / C.PANEL * C.PANEL)
	return nil
}

// Store implements engine.Backend.
func (b *Backend) Store(in engine.DeviceBatch, to engine.Cache, layer int, act *engine.Activations) error {
	defer keep(b, in, to, act)
	d, err := b.loaded(in)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := b.cached(d, to, layer); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	t, s, a := d.Tokens(), b.shape, b.jobs.attention
	var o operands
	a.heads, a.kv_heads, a.dim = C.int64_t(s.Heads), C.int64_t(s.KVHeads), C.int64_t(s.HeadDim)
	a.k, a.v = o.floats("k", act.K, t*s.KVDim()), o.floats("v", act.V, t*s.KVDim())
	if o.err == nil {
		C.attention_store(b.variant, a, b.documents(d), b.jobs.cache)
	}
	return wrap("store", o.err)
}

// CachedAttention implements engine.Backend.
func (b *Backend) CachedAttention(in engine.DeviceBatch, from engine.Cache, layer int, act *engine.Activations) error {
	defer keep(b, in, from, act)
	d, err := b.loaded(in)
	if err != nil {
		return fmt.Errorf("cached attention: %w", err)
	}
	if err := b.cached(d, from, layer); err != nil {
		return fmt.Errorf("cached attention: %w", err)
	}
	var o operands
	b.attention(&o, d, act)
	if o.err == nil {
		o.err = b.attend(d, C.ATTENTION_CACHED, b.jobs.cache)
	}
	return wrap("cached attention", o.err)
}
