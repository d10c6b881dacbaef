package tokenizer

import (
	"container/heap"
	"strings"
	"sync"
)

// bpe is byte-pair encoding over bytes (Sennrich et al. 2016): of all adjacent
// pairs that the merge list has, the one listed first is merged, leftmost first.
type bpe struct {
	first        [256]int32      // id of each byte, absent if the vocabulary lacks it
	merges       map[uint64]rule // by pair
	whole        map[string]int32
	ignoreMerges bool  // a word that is a token is not cut up
	unknown      int32 // id for bytes without one, or absent: such bytes are dropped
	fuse         bool  // one unknown for several in a row

	mu    sync.RWMutex
	cache map[string][]piece
}

type rule struct{ rank, id int32 }

// piece is a token of a word with the bytes of the word it came from.
type piece struct{ id, start, end int32 }

const (
	absent int32 = -1

	cacheWords  = 1 << 16 // words kept; about 10 MB
	cacheLength = 64      // bytes; longer words hardly come twice
	heapLength  = 64      // symbols from which a heap beats looking at all pairs
)

func pair(a, b int32) uint64 { return uint64(uint32(a))<<32 | uint64(uint32(b)) }

// encode returns the tokens of a word. The result is shared: it must not be changed.
func (m *bpe) encode(word string) []piece {
	if len(word) > cacheLength {
		return m.merge(word)
	}
	m.mu.RLock()
	p, ok := m.cache[word]
	m.mu.RUnlock()
	if ok {
		return p
	}
	p = m.merge(word)
	m.mu.Lock()
	if len(m.cache) >= cacheWords {
		clear(m.cache)
	}
	m.cache[strings.Clone(word)] = p
	m.mu.Unlock()
	return p
}

func (m *bpe) merge(word string) []piece {
	if m.ignoreMerges {
		if id, ok := m.whole[word]; ok {
			return []piece{{id, 0, int32(len(word))}}
		}
	}
	p := make([]piece, 0, len(word))
	for i := range len(word) {
		id := m.first[word[i]]
		if id == absent {
			id = m.unknown
			if id == absent {
				continue
			}
			if m.fuse && len(p) > 0 && p[len(p)-1].id == id {
				p[len(p)-1].end = int32(i + 1)
				continue
			}
		}
		p = append(p, piece{id, int32(i), int32(i + 1)})
	}
	if len(p) >= heapLength {
		return m.mergeLong(p)
	}
	for len(p) > 1 {
		best, at := rule{rank: -1}, 0
		for i := range len(p) - 1 {
			if r, ok := m.merges[pair(p[i].id, p[i+1].id)]; ok && (best.rank < 0 || r.rank < best.rank) {
				best, at = r, i
			}
		}
		if best.rank < 0 {
			break
		}
		p[at] = piece{best.id, p[at].start, p[at+1].end}
		p = append(p[:at+1], p[at+2:]...)
	}
	return p
}

// mergeLong does what merge does to pieces, in n log n.
func (m *bpe) mergeLong(p []piece) []piece {
	n := int32(len(p))
	next, prev := make([]int32, n), make([]int32, n)
	q := make(candidates, 0, n)
	look := func(i int32) (candidate, bool) {
		r, ok := m.merges[pair(p[i].id, p[next[i]].id)]
		return candidate{r.rank, i, p[i].id, p[next[i]].id, r.id}, ok
	}
	for i := range n {
		next[i], prev[i] = i+1, i-1
		if i+1 < n {
			if c, ok := look(i); ok {
				q = append(q, c)
			}
		}
	}
	heap.Init(&q)
	for len(q) > 0 {
		c := q[0]
		heap.Pop(&q)
		i, j := c.at, next[c.at]
		if j == n || p[i].id != c.left || p[j].id != c.right {
			continue // one of the two has been merged meanwhile
		}
		p[i] = piece{c.id, p[i].start, p[j].end}
		p[j].id = absent
		next[i] = next[j]
		if next[i] < n {
			prev[next[i]] = i
			if c, ok := look(i); ok {
				heap.Push(&q, c)
			}
		}
		if k := prev[i]; k >= 0 {
			if c, ok := look(k); ok {
				heap.Push(&q, c)
			}
		}
	}
	out := p[:0]
	for i := int32(0); i < n; i = next[i] {
		out = append(out, p[i])
	}
	return out
}

// candidate is a pair that could be merged: the pieces left and right, the
// first at index at, into id.
type candidate struct{ rank, at, left, right, id int32 }

type candidates []candidate

func (q candidates) Len() int { return len(q) }

func (q candidates) Less(i, j int) bool {
	if q[i].rank != q[j].rank {
		return q[i].rank < q[j].rank
	}
	return q[i].at < q[j].at
}

func (q candidates) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

func (q *candidates) Push(x any) {
	*q = append(*q, x.(candidate)) //nolint:errcheck,forcetypeassert // container/heap gives back what was pushed
}

func (q *candidates) Pop() any {
	last := len(*q) - 1
	c := (*q)[last]
	*q = (*q)[:last]
	return c
}
