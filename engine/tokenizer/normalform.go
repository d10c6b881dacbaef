package tokenizer

import (
	"slices"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// normalForm returns the form of a starter with what combines with it. Package
// norm inserts U+034F after 30 combining characters (the Stream-Safe Text
// Format), which the tokenizers library does not; those are done here, by the
// algorithm of Unicode Standard Annex 15, section 1.3.
func normalForm(f norm.Form, s string) string {
	const streamSafe = 30
	if utf8.RuneCountInString(s) <= streamSafe {
		return f.String(s)
	}
	decomposed := norm.NFD
	if f == norm.NFKC || f == norm.NFKD {
		decomposed = norm.NFKD
	}
	var chars []combining
	for _, r := range s {
		for _, d := range decomposed.String(string(r)) {
			chars = append(chars, combining{d, norm.NFD.PropertiesString(string(d)).CCC()})
		}
	}
	for i := 0; i < len(chars); { // order each run of combining characters
		j := i
		for j < len(chars) && chars[j].class != 0 {
			j++
		}
		slices.SortStableFunc(chars[i:j], func(a, b combining) int { return int(a.class) - int(b.class) })
		i = j + 1
	}
	if f == norm.NFC || f == norm.NFKC {
		compose(chars)
	}
	out := make([]rune, 0, len(chars))
	for _, c := range chars {
		if c.r >= 0 {
			out = append(out, c.r)
		}
	}
	return string(out)
}

// combining is a character with its canonical combining class.
type combining struct {
	r     rune // -1 once it has been composed with one before
	class uint8
}

// compose joins characters, in canonical order, with the starters before them.
func compose(chars []combining) {
	starter := -1
	for i, c := range chars {
		// A character is blocked from the starter if one between them has the
		// same class or a higher one; composed ones are not between.
		blocked := starter < 0
		for k := i - 1; !blocked && k > starter; k-- {
			if chars[k].r >= 0 {
				blocked = chars[k].class == 0 || chars[k].class >= c.class
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
		if c.class == 0 {
			starter = i
		}
	}
}
