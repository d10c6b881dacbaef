package tokenizer

import (
	"math"
	"math/bits"
)

// rule is an entry of the merge list: its place there and what the pair becomes.
type rule struct{ rank, id int32 }

var noRule = rule{rank: math.MaxInt32}

// rules finds the rule of a pair: a table with open addressing, which takes half
// the time of a map where it matters most.
type rules struct {
	entries []ruleEntry // a power of two of them, at most half in use
	shift   int         // 64 - log2(len(entries))
}

type ruleEntry struct {
	pair uint64 // of ids, plus one so that 0 is a free entry
	rule rule
}

func newRules(n int) rules {
	size := bits.Len(uint(max(2*n, 2) - 1))
	return rules{make([]ruleEntry, 1<<size), 64 - size}
}

// entry returns where a pair is or belongs.
func (t *rules) entry(a, b int32) (*ruleEntry, uint64) {
	pair := (uint64(uint32(a))<<32 | uint64(uint32(b))) + 1
	i := pair * 0x9E3779B97F4A7C15 >> t.shift // Fibonacci hashing, Knuth 6.4
	for {
		e := &t.entries[i]
		if e.pair == pair || e.pair == 0 {
			return e, pair
		}
		i = (i + 1) & uint64(len(t.entries)-1)
	}
}

// set gives a pair its rule. Of a pair listed twice the later counts.
func (t *rules) set(a, b int32, r rule) {
	e, pair := t.entry(a, b)
	*e = ruleEntry{pair, r}
}

// of returns the rule of a pair, or noRule.
func (t *rules) of(a, b int32) rule {
	if e, pair := t.entry(a, b); e.pair == pair {
		return e.rule
	}
	return noRule
}
