//go:build cuda

package cuda

import (
	"daybook/engine"
)

const (
	cachedChunk   = 128      // positions of a block of the chunks kernel
	cachedHeads   = 4        // query heads of one
	cachedScratch = 64 << 20 // bytes; more tokens than fit take several launches
	partBytes     = 8        // of a chunk's softmax
)

// CachedAttention implements engine.Backend.
func (b *Backend) CachedAttention(in engine.DeviceBatch, from engine.Cache, layer int, act *engine.Activations) error {
	return b.run("cached attention", func() error {
		h, err := b.heads(in, act)
		if err != nil {
			return err
		}
		c, err := b.cached(h.batch, from, layer)
		if err != nil {
			return err
		}
		chunks, err := b.fn("cached_attention", "cached_attention_chunks")
		if err != nil {
			return err
		}
		combine, err := b.fn("cached_attention", "cached_attention_combine")
		if err != nil {
			return err
		}
		s, d := b.shape, h.batch
		most := d.maxPosition/cachedChunk + 1 // chunks of a document
		each := int64(s.Heads) * int64(most) * int64(partBytes+4*s.HeadDim)
		step := min(d.tokens, max(1, int(cachedScratch/each)))
		parts, err := b.scratch("cached attention", int64(step)*each)
		if err != nil {
			return err
		}
		weighted := parts.offset(step * s.Heads * most * partBytes)
		shares := (s.Heads/s.KVHeads + cachedHeads - 1) / cachedHeads
		for first := 0; first < d.tokens; first += step {
			n := min(step, d.tokens-first)
			err := b.launch(chunks, [3]int{n, s.KVHeads * shares, most}, 128, 0, h.o, h.lse, parts, weighted, h.q,
				c.keys(layer), c.values(layer), d.owner, d.positions, d.slots,
				s.Heads, s.KVHeads, s.HeadDim, c.positions, first, d.tokens, b.attentionScale())
			if err != nil {
				return err
			}
			if most == 1 {
				continue
			}
			err = b.launch(combine, [3]int{n, s.Heads, 1}, 128, 0, h.o, h.lse, parts, weighted, d.positions,
				s.Heads, s.HeadDim, most, first, d.tokens)
			if err != nil {
				return err
			}
		}
		return nil
	})
}
