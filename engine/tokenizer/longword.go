package tokenizer

import "slices"

// mergeLong does what mergeShort does, for words in which looking at all pairs for
// each merge takes too long: it keeps the pairs by their rank, and links between
// the symbols that are left.
func (m *bpe) mergeLong(p []symbol) []symbol {
	n := int32(len(p))
	links := make([]link, n)
	a := agenda{}
	look := func(i int32) {
		r := noRule
		if j := links[i].next; j < n {
			r = m.merges.of(p[i].id, p[j].id)
		}
		if links[i].rule = r; r != noRule {
			a.add(r.rank, i)
		}
	}
	for i := range n {
		links[i].next, links[i].prev = i+1, i-1
	}
	for i := range n {
		look(i)
	}
	for {
		rank, i, ok := a.next()
		if !ok {
			break
		}
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
		if l.prev >= 0 {
			look(l.prev)
		}
		look(i)
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

// agenda is places of pairs, of which those of the lowest rank come first, and of
// these the leftmost. A word has few different pairs and many of each: the ranks make
// a small heap where all the places would make a large one. Most places of a rank
// are known before its turn comes, and are sorted then.
type agenda struct {
	ranks  heap
	places map[int32]*rankPlaces
	recent [64]*rankPlaces // by rank, some of places
	now    *rankPlaces     // of ranks[0], once it is looked at
	free   []*rankPlaces
}

// rankPlaces is the places of a rank: sorted from at on once it is open, and those
// that were added.
type rankPlaces struct {
	rank   int32
	open   bool
	sorted []int32
	at     int
	added  heap // in any order before it is open
}

func (a *agenda) add(rank, place int32) {
	slot := &a.recent[uint32(rank)%uint32(len(a.recent))]
	if *slot == nil || (*slot).rank != rank {
		p := a.places[rank]
		if p == nil {
			p = a.enter(rank)
		}
		*slot = p
	}
	if p := *slot; p.open {
		p.added.push(place)
	} else {
		p.added = append(p.added, place)
	}
}

// enter notes a rank that has no places yet.
func (a *agenda) enter(rank int32) *rankPlaces {
	p := new(rankPlaces)
	if last := len(a.free) - 1; last >= 0 {
		p, a.free = a.free[last], a.free[:last]
		*p = rankPlaces{sorted: p.added[:0], added: p.sorted[:0]}
	}
	p.rank = rank
	if a.places == nil {
		a.places = map[int32]*rankPlaces{}
	}
	a.places[rank] = p
	a.ranks.push(rank)
	return p
}

// next takes the first place away.
func (a *agenda) next() (rank, place int32, ok bool) {
	if len(a.ranks) == 0 {
		return 0, 0, false
	}
	if rank = a.ranks[0]; a.now == nil || a.now.rank != rank {
		a.now = a.places[rank]
	}
	p := a.now
	if !p.open {
		p.open = true
		p.sorted, p.added = p.added, p.sorted[:0]
		if !slices.IsSorted(p.sorted) {
			slices.Sort(p.sorted)
		}
	}
	if len(p.added) > 0 && (p.at == len(p.sorted) || p.added[0] < p.sorted[p.at]) {
		place = p.added.pop()
	} else {
		place = p.sorted[p.at]
		p.at++
	}
	if p.at == len(p.sorted) && len(p.added) == 0 {
		a.leave(p)
	}
	return rank, place, true
}

// leave forgets the lowest rank, which has no places left.
func (a *agenda) leave(p *rankPlaces) {
	a.ranks.pop()
	delete(a.places, p.rank)
	if slot := &a.recent[uint32(p.rank)%uint32(len(a.recent))]; *slot == p {
		*slot = nil
	}
	a.now = nil
	a.free = append(a.free, p)
}

// heap is a binary heap with the lowest on top.
type heap []int32

func (q *heap) push(x int32) {
	*q = append(*q, x)
	h := *q
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if h[up] <= h[i] {
			break
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

func (q *heap) pop() int32 {
	h := *q
	top, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	*q = h
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
