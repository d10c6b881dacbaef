package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// normalizer rewrites a text before it is cut up. If spans, the result says
// where each of its bytes came from.
type normalizer func(p piece, spans bool) piece

func normalizeAll(list []normalizer, p piece, spans bool) piece {
	for _, n := range list {
		p = n(p, spans)
	}
	return p
}

// form is a Unicode normalization form. The library's tables are of Unicode 11 for
// what only became decomposable since, 135 characters in NFKC, so these differ.
func form(f norm.Form) normalizer {
	return func(p piece, spans bool) piece {
		s := p.text
		if f.IsNormalString(s) {
			return p
		}
		r := rewrite(p, spans)
		for i := 0; i < len(s); {
			if n := boundaryBefore(f, s[i:], f.QuickSpanString(s[i:])); n > 0 {
				r.keep(i, i+n)
				i += n
				continue
			}
			n := f.PropertiesString(s[i:]).Size()
			for n == 0 || i+n < len(s) && !f.PropertiesString(s[i+n:]).BoundaryBefore() {
				n += max(f.PropertiesString(s[i+n:]).Size(), 1) // ill-formed bytes have size 0
			}
			r.put(normalForm(f, s[i:i+n]), i, i+n)
			i += n
		}
		return r.piece()
	}
}

// boundaryBefore returns the last place in s, at or before n, that no
// normalization crosses.
func boundaryBefore(f norm.Form, s string, n int) int {
	for n > 0 && n < len(s) && !f.PropertiesString(s[n:]).BoundaryBefore() {
		_, size := utf8.DecodeLastRuneInString(s[:n])
		n -= size
	}
	return n
}

// prepend puts text before whatever is not empty.
func prepend(text string) normalizer {
	return func(p piece, spans bool) piece {
		if p.text == "" {
			return p
		}
		_, n := utf8.DecodeRuneInString(p.text)
		r := rewrite(p, spans)
		r.put(text, 0, n)
		r.keep(0, len(p.text))
		return r.piece()
	}
}

// replace writes content for each match of pattern.
func replace(pattern *automaton, content string) normalizer {
	return func(p piece, spans bool) piece {
		start, end := pattern.find(p.text, 0)
		if start == end {
			return p
		}
		r := rewrite(p, spans)
		done := 0
		for start < end {
			r.keep(done, start)
			r.put(content, start, end)
			done = end
			start, end = pattern.find(p.text, end)
		}
		r.keep(done, len(p.text))
		return r.piece()
	}
}

// lowercase maps each character by itself: a final sigma is like any other, and
// U+0130, the one whose lower case is two characters, becomes both. Letters newer
// than Unicode 15 stay as they are.
func lowercase(p piece, spans bool) piece {
	r := rewrite(p, spans)
	for i := 0; i < len(p.text); {
		c, n := utf8.DecodeRuneInString(p.text[i:])
		switch low := unicode.ToLower(c); {
		case c == '\u0130':
			r.put("i\u0307", i, i+n)
		case low == c:
			r.keep(i, i+n)
		default:
			r.put(string(low), i, i+n)
		}
		i += n
	}
	return r.piece()
}

// strip takes white space off the ends.
func strip(left, right bool) normalizer {
	return func(p piece, _ bool) piece {
		i, j := 0, len(p.text)
		if right {
			j = len(strings.TrimRightFunc(p.text, unicode.IsSpace))
		}
		if left {
			i = j - len(strings.TrimLeftFunc(p.text[:j], unicode.IsSpace))
		}
		return p.cut(i, j)
	}
}
