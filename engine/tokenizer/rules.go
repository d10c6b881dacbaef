package tokenizer

import (
	"math"
	"math/bits"
)

// rule is an entry of the merge list: its place there and what the pair becomes.
type rule struct{ rank, id int32 }

var noRule = rule{rank: math.MaxInt32}

// rules finds the rule of a pair: a table with open addressing, which takes half
// the time of a map where it matters most. Large vocabularies have more of it than a
// processor's cache has room for, while most pairs have no rule; so there is a bit
// for each of many pairs that says whether it is worth looking (Bloom 1970, with one
// hash), and these do have room.
type rules struct {
	entries []ruleEntry // a power of two of them, at most half in use
	shift   int         // 64 - log2(len(entries))
	worth   []uint64    // 8 to 16 bits for each rule
}

type ruleEntry struct {
	pair uint64 // of ids, plus one so that 0 is a free entry
	rule rule
}

func newRules(n int) rules {
	size := bits.Len(uint(max(2*n, 16) - 1))
	return rules{make([]ruleEntry, 1<<size), 64 - size, make([]uint64, 1<<(size+2)/64)}
}

// hashPair returns what identifies a pair, and its hash, whose upper bits are the best
// (Fibonacci hashing, Knuth 6.4).
func hashPair(a, b int32) (pair, h uint64) {
	pair = (uint64(uint32(a))<<32 | uint64(uint32(b))) + 1
	return pair, pair * 0x9E3779B97F4A7C15
}

// entry returns where a pair is or belongs.
func (t *rules) entry(pair, h uint64) *ruleEntry {
	i := h >> t.shift
	for {
		e := &t.entries[i]
		if e.pair == pair || e.pair == 0 {
			return e
		}
		i = (i + 1) & uint64(len(t.entries)-1)
	}
}

// bit returns where the bit for a hash is.
func (t *rules) bit(h uint64) (word, mask uint64) {
	i := h >> (t.shift - 2)
	return i / 64, 1 << (i % 64)
}

// set gives a pair its rule. Of a pair listed twice the later counts.
func (t *rules) set(a, b int32, r rule) {
	pair, h := hashPair(a, b)
	*t.entry(pair, h) = ruleEntry{pair, r}
	word, mask := t.bit(h)
	t.worth[word] |= mask
}

// of returns the rule of a pair, or noRule.
func (t *rules) of(a, b int32) rule {
	pair, h := hashPair(a, b)
	if word, mask := t.bit(h); t.worth[word]&mask == 0 {
		return noRule
	}
	if e := t.entry(pair, h); e.pair == pair {
		return e.rule
	}
	return noRule
}
