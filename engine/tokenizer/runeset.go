package tokenizer

import (
	"slices"
	"sort"
	"unicode"
)

// runeSet is a set of characters as an inversion list: ascending, those from the
// first entry up to the second are in, up to the third out, and so on.
type runeSet []rune

// runes is the set of lo..hi.
func runes(lo, hi rune) runeSet { return runeSet{lo, hi + 1} }

func (s runeSet) has(r rune) bool {
	return sort.Search(len(s), func(i int) bool { return s[i] > r })%2 == 1
}

// not returns the complement.
func (s runeSet) not() runeSet {
	if len(s) > 0 && s[0] == 0 {
		return s[1:]
	}
	return append(runeSet{0}, s...)
}

// union returns what is in any of sets.
func union(sets ...runeSet) runeSet {
	type edge struct {
		at    rune
		delta int
	}
	var edges []edge
	for _, s := range sets {
		for i, at := range s {
			edges = append(edges, edge{at, 1 - i%2*2})
		}
		if len(s)%2 == 1 {
			edges = append(edges, edge{unicode.MaxRune + 1, -1})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return int(a.at - b.at) })
	var out runeSet
	depth := 0
	for i, e := range edges {
		depth += e.delta
		if i+1 < len(edges) && edges[i+1].at == e.at {
			continue
		}
		if (depth > 0) != (len(out)%2 == 1) {
			out = append(out, e.at)
		}
	}
	return out
}

// ofTable is the set of a table of package unicode.
func ofTable(t *unicode.RangeTable) runeSet {
	var out runeSet
	add := func(lo, hi, stride rune) {
		if stride == 1 {
			stride = hi - lo + 1 // the whole range in one step
		} else {
			hi = lo + (hi-lo)/stride*stride
		}
		for r := lo; r <= hi; r += stride {
			end := r + 1
			if stride > hi-r {
				end = hi + 1
			}
			if n := len(out); n > 0 && out[n-1] == r {
				out[n-1] = end
			} else {
				out = append(out, r, end)
			}
		}
	}
	for _, r := range t.R16 {
		add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
	}
	for _, r := range t.R32 {
		add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
	}
	return out
}

// property returns the characters with a general category, Unicode 16, which
// the expressions of the tokenizers library go by. Package unicode has 15.
func property(name string) (runeSet, bool) {
	if name == "White_Space" { // not changed since
		return ofTable(unicode.White_Space), true
	}
	newer, ok := unicode16[name]
	if !ok {
		return nil, false
	}
	sets := []runeSet{ofTable(unicode.Categories[name]), newer}
	for sub, s := range unicode16 {
		if len(sub) == 2 && sub[:1] == name {
			sets = append(sets, s)
		}
	}
	return union(sets...), true
}

// unicode16 is what Unicode 15.1 and 16 added to each category that an
// expression may name; a category of one letter has what its parts have too.
var unicode16 = map[string]runeSet{
	"L":  nil,
	"Lt": nil,
	"Lu": {0x1C89, 0x1C8A, 0xA7CB, 0xA7CD, 0xA7DA, 0xA7DB, 0xA7DC, 0xA7DD, 0x10D50, 0x10D66},
	"Ll": {0x1C8A, 0x1C8B, 0xA7CD, 0xA7CE, 0xA7DB, 0xA7DC, 0x10D70, 0x10D86},
	"Lm": {0x10D4E, 0x10D4F, 0x10D6F, 0x10D70, 0x16D40, 0x16D43, 0x16D6B, 0x16D6D},
	"Lo": {
		0x105C0, 0x105F4, 0x10D4A, 0x10D4E, 0x10D4F, 0x10D50, 0x10EC2, 0x10EC5, 0x11380, 0x1138A, 0x1138B, 0x1138C,
		0x1138E, 0x1138F, 0x11390, 0x113B6, 0x113B7, 0x113B8, 0x113D1, 0x113D2, 0x113D3, 0x113D4, 0x11BC0, 0x11BE1,
		0x13460, 0x143FB, 0x16100, 0x1611E, 0x16D43, 0x16D6B, 0x18CFF, 0x18D00, 0x1E5D0, 0x1E5EE, 0x1E5F0, 0x1E5F1,
		0x2EBF0, 0x2EE5E,
	},
	"M": {
		0x897, 0x898, 0x10D69, 0x10D6E, 0x10EFC, 0x10EFD, 0x113B8, 0x113C1, 0x113C2, 0x113C3, 0x113C5, 0x113C6,
		0x113C7, 0x113CB, 0x113CC, 0x113D1, 0x113D2, 0x113D3, 0x113E1, 0x113E3, 0x11F5A, 0x11F5B, 0x1611E, 0x16130,
		0x1E5EE, 0x1E5F0,
	},
	"N": nil,
	"Nd": {
		0x10D40, 0x10D4A, 0x116D0, 0x116E4, 0x11BF0, 0x11BFA, 0x16130, 0x1613A, 0x16D70, 0x16D7A, 0x1CCF0, 0x1CCFA,
		0x1E5F1, 0x1E5FB,
	},
	"Nl": nil,
	"No": nil,
	"P": {
		0x1B4E, 0x1B50, 0x1B7F, 0x1B80, 0x10D6E, 0x10D6F, 0x113D4, 0x113D6, 0x113D7, 0x113D9, 0x11BE1, 0x11BE2,
		0x16D6D, 0x16D70, 0x1E5FF, 0x1E600,
	},
	"S": {
		0x2427, 0x242A, 0x2FFC, 0x3000, 0x31E4, 0x31E6, 0x31EF, 0x31F0, 0x10D8E, 0x10D90, 0x1CC00, 0x1CCF0,
		0x1CD00, 0x1CEB4, 0x1F8B2, 0x1F8BC, 0x1F8C0, 0x1F8C2, 0x1FA89, 0x1FA8A, 0x1FA8F, 0x1FA90, 0x1FABE, 0x1FABF,
		0x1FAC6, 0x1FAC7, 0x1FADC, 0x1FADD, 0x1FADF, 0x1FAE0, 0x1FAE9, 0x1FAEA, 0x1FBCB, 0x1FBF0,
	},
	"Z": nil,
}

// newestNumbers is what Unicode 17, which the library's Digits goes by, has
// beyond Unicode 16.
var newestNumbers = runeSet{0x11DE0, 0x11DEA, 0x16FF4, 0x16FF7}
