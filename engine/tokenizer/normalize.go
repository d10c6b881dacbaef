package tokenizer

import (
	"sort"

	"golang.org/x/text/unicode/norm"
)

// alignment maps bytes of normalized text to bytes of the original. It lists
// the segments that normalization changed as a unit; nil is the identity.
type alignment []segmentPair

// segmentPair says where a segment starts in the normalized and in the original text.
type segmentPair struct{ normalized, original int }

// original returns the bytes of the original that normalized bytes start..end come from.
func (a alignment) original(start, end int) Span {
	if a == nil {
		return Span{start, end}
	}
	if start == end {
		i := sort.Search(len(a), func(i int) bool { return a[i].normalized > start }) - 1
		at := a[i].original + start - a[i].normalized
		return Span{at, at}
	}
	first := sort.Search(len(a), func(i int) bool { return a[i].normalized > start }) - 1
	last := sort.Search(len(a), func(i int) bool { return a[i].normalized >= end })
	s := Span{a[first].original, a[last].original}
	if a.same(first) {
		s.Start += start - a[first].normalized
	}
	if a.same(last - 1) {
		s.End -= a[last].normalized - end
	}
	return s
}

// same reports whether segment i has the same length in both texts; such a
// segment may hold long unchanged stretches, which map byte by byte.
func (a alignment) same(i int) bool {
	return a[i+1].normalized-a[i].normalized == a[i+1].original-a[i].original
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
		if n := norm.NFC.QuickSpanString(s[i:]); n > 0 {
			a = append(a, segmentPair{len(out), i})
			out = append(out, s[i:i+n]...)
			i += n
			continue
		}
		n := norm.NFC.NextBoundaryInString(s[i:], true)
		a = append(a, segmentPair{len(out), i})
		out = norm.NFC.AppendString(out, s[i:i+n])
		i += n
	}
	return string(out), append(a, segmentPair{len(out), len(s)})
}
