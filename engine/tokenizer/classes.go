package tokenizer

import (
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"
)

const maxClasses = 64 // those of known expressions are under 20

// classes divides the characters into those that an expression cannot tell
// apart. The last class is the end of the text.
type classes struct {
	count int
	ascii [utf8.RuneSelf]uint8
	page  []uint16     // by the upper bits of a character: an index in block
	block [][256]uint8 // by its lower eight bits
}

// at returns the class of the character at s[i:] and its length, 0 at the end.
// A byte that is no UTF-8 counts as U+FFFD.
func (c *classes) at(s string, i int) (class, size int) {
	if i >= len(s) {
		return c.count - 1, 0
	}
	if b := s[i]; b < utf8.RuneSelf {
		return int(c.ascii[b]), 1
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	return int(c.block[c.page[r>>8]][r&255]), n
}

// newClasses returns the classes of sets, and for each set whether each class
// is in it.
func newClasses(sets []runeSet) (classes, [][]bool, error) {
	edges := []rune{0, unicode.MaxRune + 1}
	for _, s := range sets {
		edges = append(edges, s...)
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)

	c := classes{page: make([]uint16, (unicode.MaxRune+1)>>8)}
	member := make([][]bool, len(sets))
	ids := map[string]uint8{}
	byPage := map[[256]uint8]uint16{}
	var page [256]uint8
	for i, from := range edges[:len(edges)-1] {
		signature := make([]byte, len(sets))
		for j, s := range sets {
			if s.has(from) {
				signature[j] = 1
			}
		}
		id, ok := ids[string(signature)]
		if !ok {
			if len(ids) == maxClasses {
				return c, nil, fmt.Errorf("over %d classes of characters", maxClasses)
			}
			id = uint8(len(ids))
			ids[string(signature)] = id
			for j := range sets {
				member[j] = append(member[j], signature[j] == 1)
			}
		}
		for r := from; r < edges[i+1]; r++ {
			if page[r&255] = id; r < utf8.RuneSelf {
				c.ascii[r] = id
			}
			if r&255 != 255 {
				continue
			}
			at, ok := byPage[page]
			if !ok {
				at = uint16(len(c.block))
				byPage[page] = at
				c.block = append(c.block, page)
			}
			c.page[r>>8] = at
		}
	}
	for j := range sets {
		member[j] = append(member[j], false) // the end
	}
	c.count = len(ids) + 1
	return c, member, nil
}
