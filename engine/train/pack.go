package train

import (
	"math/bits"
	"slices"
)

// pack fills rows of at most capacity tokens with whole documents, best-fit
// decreasing: the longest document first, each into the row where it leaves the
// least room, or into a new one. Equal lengths keep the order of docs, and among
// rows with equal room the one that has had that room longest wins, so that the
// result is a function of the arguments. No document may exceed capacity; every
// one lies in exactly one row.
func pack(docs []int, length func(doc int) int, capacity int) []Row {
	sorted := slices.Clone(docs)
	slices.SortStableFunc(sorted, func(a, b int) int { return length(b) - length(a) })

	var rows []Row
	open := newRoom(capacity)
	for _, d := range sorted {
		n := length(d)
		r, left, ok := open.take(n)
		if !ok {
			r, left = len(rows), capacity
			rows = append(rows, nil)
		}
		rows[r] = append(rows[r], d)
		open.put(r, left-n)
	}
	return rows
}

// room finds rows by the tokens that still fit in them.
type room struct {
	rows [][]int  // rows[n]: rows with room for n tokens, oldest first
	set  []uint64 // bit n is set if rows[n] is not empty
}

func newRoom(capacity int) *room {
	return &room{rows: make([][]int, capacity+1), set: make([]uint64, capacity/64+1)}
}

func (r *room) put(row, left int) {
	r.rows[left] = append(r.rows[left], row)
	r.set[left/64] |= 1 << (left % 64)
}

// take removes the row with the least room for n tokens.
func (r *room) take(n int) (row, left int, ok bool) {
	mask := ^uint64(0) << (n % 64)
	for w := n / 64; w < len(r.set); w++ {
		if found := r.set[w] & mask; found != 0 {
			left = w*64 + bits.TrailingZeros64(found)
			row = r.rows[left][0]
			if r.rows[left] = r.rows[left][1:]; len(r.rows[left]) == 0 {
				r.set[w] &^= 1 << (left % 64)
			}
			return row, left, true
		}
		mask = ^uint64(0)
	}
	return 0, 0, false
}
