package cuda

import (
	"daybook/engine"
)

const (
	cachedChunk   = 64       // positions of a block of the chunks kernel
	cachedHeads   = 4        // query heads of one
	cachedScratch = 64 << 20 // bytes; more tokens than fit take several launches
	cachedShares  = 8        // into which its positions are divided
	partBytes     = 8        // of a chunk's softmax
	cachedStage   = 80 << 10 // bytes of a chunk's keys and values that fit shared memory
)

// cachedShared returns how many bytes of shared memory a block of the chunks
// kernel needs, and whether its keys and values are among them.
func (b *Backend) cachedShared() (bytes int, staged bool) {
	row := b.shape.HeadDim * b.size
	rest := cachedChunk*4*cachedHeads + 4*cachedHeads*b.shape.HeadDim // weights, queries
	if stage := 2 * cachedChunk * row; row%16 == 0 && stage <= cachedStage {
		return stage + rest, true
	}
	return 4*cachedShares*cachedHeads*b.shape.HeadDim + rest, false
}

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
		// Room for the longest documents of the cache, so that it never grows.
		perChunk := s.Heads * (partBytes + 4*s.HeadDim) // bytes of a token
		perToken := perChunk * ((c.positions-1)/cachedChunk + 1)
		size := max(perToken, min(perToken*d.maxTokens, cachedScratch))
		parts, err := b.scratch("cached attention", int64(size))
		if err != nil {
			return err
		}
		step := min(d.tokens, size/(perChunk*most))
		weighted := parts.offset(step * s.Heads * most * partBytes)
		shares := (s.Heads/s.KVHeads + cachedHeads - 1) / cachedHeads
		shared, staged := b.cachedShared()
		stage := 0
		if staged {
			stage = 1
		}
		for first := 0; first < d.tokens; first += step {
			n := min(step, d.tokens-first)
			err := b.launch(chunks, [3]int{n, s.KVHeads * shares, most}, 128, shared, h.o, h.lse, parts, weighted, h.q,
				c.keys(layer), c.values(layer), d.owner, d.positions, d.slots,
				s.Heads, s.KVHeads, s.HeadDim, c.positions, stage, first, d.tokens, b.attentionWindow(), b.attentionScale())
			if err != nil {
				return err
			}
			if most == 1 {
				continue
			}
			err = b.launch(combine, [3]int{n, s.Heads, 1}, 256, 4*most, h.o, h.lse, parts, weighted, d.positions,
				s.Heads, s.HeadDim, most, first, d.tokens, b.attentionWindow())
			if err != nil {
				return err
			}
		}
		return nil
	})
}
