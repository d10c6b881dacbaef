package tokenizer

import "slices"

// mergeLong does what mergeShort does, for words in which looking at all pairs for
// each merge takes too long: it keeps the pairs by their rank, and links between
// the symbols that are left.
func (m *bpe) mergeLong(p []symbol) []symbol {
	n := int32(len(p))
	links := make([]link, n)
	a := agenda{}
	look := func(i int32) int32 {
		r := noRule
		if j := links[i].next; j < n {
			r = m.merges.of(p[i].id, p[j].id)
		}
		links[i].rule = r
		if r != noRule {
			a.add(r.rank, i)
		}
		return r.rank
	}
	for i := range n {
		links[i].next, links[i].prev = i+1, i-1
	}
	for i := range n {
		look(i)
	}
	for {
		rank, at, ok := a.first()
		if !ok {
			break
		}
		for k, i := range at {
			l := &links[i]
			if l.rule.rank != rank {
				continue // one of the two has been merged meanwhile
			}
			j := l.next
			p[i] = symbol{l.rule.id, p[i].start, p[j].end}
			links[j].rule = noRule
			if l.next = links[j].next; l.next < n {
				links[l.next].prev = i
			}
			lowest := noRule.rank
			if l.prev >= 0 {
				lowest = look(l.prev)
			}
			if lowest = min(lowest, look(i)); lowest <= rank { // comes before the rest
				for _, later := range at[k+1:] {
					a.add(rank, later)
				}
				break
			}
		}
		a.free = append(a.free, at[:0])
	}
	out := p[:0]
	for i := int32(0); i < n; i = links[i].next {
		out = append(out, p[i])
	}
	return out
}

// link is what mergeLong knows of a symbol: those beside it, and how it merges with
// the next.
type link struct {
	next, prev int32
	rule       rule
}

// agenda is the places of pairs by rank. A word has few different pairs and many of
// each, so that a heap of the ranks is small where one of the pairs is not.
type agenda struct {
	ranks  []int32 // a binary heap, the lowest on top
	places map[int32]*[]int32
	recent [32]struct { // what places has of some ranks
		rank int32
		at   *[]int32
	}
	free [][]int32
}

// add notes a pair of a rank.
func (a *agenda) add(rank, at int32) {
	r := &a.recent[uint32(rank)%uint32(len(a.recent))]
	if r.at == nil || r.rank != rank {
		list := a.places[rank]
		if list == nil {
			if a.places == nil {
				a.places = map[int32]*[]int32{}
			}
			list = new([]int32)
			if last := len(a.free) - 1; last >= 0 {
				*list, a.free = a.free[last], a.free[:last]
			}
			a.places[rank] = list
			a.push(rank)
		}
		r.rank, r.at = rank, list
	}
	*r.at = append(*r.at, at)
}

// first takes the pairs of the lowest rank away and returns where they are, in order.
func (a *agenda) first() (rank int32, at []int32, ok bool) {
	if len(a.ranks) == 0 {
		return 0, nil, false
	}
	rank = a.pop()
	at = *a.places[rank]
	delete(a.places, rank)
	if r := &a.recent[uint32(rank)%uint32(len(a.recent))]; r.rank == rank {
		r.at = nil
	}
	if !slices.IsSorted(at) {
		slices.Sort(at)
	}
	return rank, at, true
}

func (a *agenda) push(rank int32) {
	a.ranks = append(a.ranks, rank)
	h := a.ranks
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if h[up] <= h[i] {
			break
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

func (a *agenda) pop() int32 {
	h := a.ranks
	top, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	a.ranks = h
	for i := 0; ; {
		down := 2*i + 1
		if down+1 < last && h[down+1] < h[down] {
			down++
		}
		if down >= last || h[i] <= h[down] {
			return top
		}
		h[i], h[down] = h[down], h[i]
		i = down
	}
}
