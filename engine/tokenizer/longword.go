package tokenizer

// mergeLong does what mergeShort does, in n log n: a priority queue of pairs,
// and links between the symbols that are left.
func (m *bpe) mergeLong(p []symbol) []symbol {
	n := int32(len(p))
	next, prev := make([]int32, n), make([]int32, n)
	q := make(candidates, 0, n)
	look := func(i int32) {
		j := next[i]
		if r := m.merges.of(p[i].id, p[j].id); r != noRule {
			q.push(candidate{r.rank, i, p[i].id, p[j].id, r.id})
		}
	}
	for i := range n {
		next[i], prev[i] = i+1, i-1
	}
	for i := range n - 1 {
		look(i)
	}
	for len(q) > 0 {
		c := q.pop()
		i, j := c.at, next[c.at]
		if j == n || p[i].id != c.left || p[j].id != c.right {
			continue // one of the two has been merged meanwhile
		}
		p[i] = symbol{c.id, p[i].start, p[j].end}
		p[j].id = absent
		next[i] = next[j]
		if next[i] < n {
			prev[next[i]] = i
			look(i)
		}
		if prev[i] >= 0 {
			look(prev[i])
		}
	}
	out := p[:0]
	for i := int32(0); i < n; i = next[i] {
		out = append(out, p[i])
	}
	return out
}

// candidate is a pair that could be merged: the symbols left and right, the
// first at index at, into id.
type candidate struct{ rank, at, left, right, id int32 }

func (c candidate) before(d candidate) bool {
	if c.rank != d.rank {
		return c.rank < d.rank
	}
	return c.at < d.at
}

// candidates is a binary heap, the first to be merged on top.
type candidates []candidate

func (q *candidates) push(c candidate) {
	*q = append(*q, c)
	h := *q
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h[i].before(h[up]) {
			break
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

func (q *candidates) pop() candidate {
	h := *q
	top, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	*q = h
	for i := 0; ; {
		down := 2*i + 1
		if down+1 < last && h[down+1].before(h[down]) {
			down++
		}
		if down >= last || !h[down].before(h[i]) {
			return top
		}
		h[i], h[down] = h[down], h[i]
		i = down
	}
}
