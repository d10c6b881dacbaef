package tokenizer

import (
	"slices"
	"sort"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// alignment maps bytes of normalized text to bytes of the original. It lists
// the segments that normalization changed as a unit; nil is the identity.
type alignment []segmentPair

// segmentPair says where a segment starts in the normalized and in the original
// text. The bytes of one that stayed as it was map one to one.
type segmentPair struct {
	normalized, original int
	changed              bool
}

// original returns the bytes of the original that normalized bytes start..end come from.
func (a alignment) original(start, end int) Span {
	if a == nil {
		return Span{start, end}
	}
	if start == end {
		at := a.original(start, start+1).Start
		return Span{at, at}
	}
	first := sort.Search(len(a), func(i int) bool { return a[i].normalized > start }) - 1
	next := sort.Search(len(a), func(i int) bool { return a[i].normalized >= end })
	if next == len(a) { // an empty place at the very end
		return Span{a[len(a)-1].original, a[len(a)-1].original}
	}
	s := Span{a[first].original, a[next].original}
	if !a[first].changed {
		s.Start += start - a[first].normalized
	}
	if !a[next-1].changed {
		s.End -= a[next].normalized - end
	}
	return s
}

// nfc returns s in Normalization Form C and where it came from; the alignment
// ends with a pair of both lengths.
func nfc(s string) (string, alignment) {
	if norm.NFC.IsNormalString(s) {
		return s, nil
	}
	var out []byte
	var a alignment
	for i := 0; i < len(s); {
		if n := boundaryBefore(s[i:], norm.NFC.QuickSpanString(s[i:])); n > 0 {
			a = append(a, segmentPair{len(out), i, false})
			out = append(out, s[i:i+n]...)
			i += n
			continue
		}
		n := norm.NFC.PropertiesString(s[i:]).Size()
		for n == 0 || i+n < len(s) && !norm.NFC.PropertiesString(s[i+n:]).BoundaryBefore() {
			n += max(norm.NFC.PropertiesString(s[i+n:]).Size(), 1) // ill-formed bytes have size 0
		}
		a = append(a, segmentPair{len(out), i, true})
		out = appendNFC(out, s[i:i+n])
		i += n
	}
	return string(out), append(a, segmentPair{len(out), len(s), false})
}

// boundaryBefore returns the last place in s, at or before n, that no
// normalization crosses.
func boundaryBefore(s string, n int) int {
	for n > 0 && n < len(s) && !norm.NFC.PropertiesString(s[n:]).BoundaryBefore() {
		_, size := utf8.DecodeLastRuneInString(s[:n])
		n -= size
	}
	return n
}

// appendNFC appends the normal form of a starter with what combines with it.
// Package norm inserts U+034F after 30 combining characters (the Stream-Safe
// Text Format), which the tokenizers library does not; those are composed here,
// by the algorithm of Unicode Standard Annex 15, section 1.3.
func appendNFC(out []byte, s string) []byte {
	const streamSafe = 30
	if utf8.RuneCountInString(s) <= streamSafe {
		return norm.NFC.AppendString(out, s)
	}
	type char struct {
		r   rune
		ccc uint8
	}
	var chars []char
	for _, r := range s {
		for _, d := range norm.NFD.String(string(r)) {
			chars = append(chars, char{d, norm.NFD.PropertiesString(string(d)).CCC()})
		}
	}
	for i := 0; i < len(chars); { // order each run of combining characters
		j := i
		for j < len(chars) && chars[j].ccc != 0 {
			j++
		}
		slices.SortStableFunc(chars[i:j], func(a, b char) int { return int(a.ccc) - int(b.ccc) })
		i = j + 1
	}
	starter := -1
	for i, c := range chars {
		// A character is blocked from the starter if one between them has the
		// same class or a higher one; composed ones (r < 0) are not between.
		blocked := starter < 0
		for k := i - 1; !blocked && k > starter; k-- {
			if chars[k].r >= 0 {
				blocked = chars[k].ccc == 0 || chars[k].ccc >= c.ccc
				break
			}
		}
		if !blocked {
			both := norm.NFC.String(string(chars[starter].r) + string(c.r))
			if utf8.RuneCountInString(both) == 1 {
				chars[starter].r, _ = utf8.DecodeRuneInString(both)
				chars[i].r = -1
				continue
			}
		}
		if c.ccc == 0 {
			starter = i
		}
	}
	for _, c := range chars {
		if c.r >= 0 {
			out = utf8.AppendRune(out, c.r)
		}
	}
	return out
}
