package tokenizer

import (
	"hash/maphash"
	"sync/atomic"
)

// cache keeps the tokens of words that came before. A word has one slot, where
// the latest of those that share it stays, so that the size is bounded and
// readers wait for nobody.
type cache struct {
	seed  maphash.Seed
	slots []atomic.Pointer[cached]
}

type cached struct {
	word    string
	symbols []symbol
}

const (
	cacheSlots  = 1 << 15 // a power of two; about 5 MB when full of usual words
	cacheLength = 64      // bytes; longer words hardly come twice
)

func newCache() cache {
	return cache{maphash.MakeSeed(), make([]atomic.Pointer[cached], cacheSlots)}
}

func (c *cache) slot(word string) *atomic.Pointer[cached] {
	return &c.slots[maphash.String(c.seed, word)&(cacheSlots-1)]
}
