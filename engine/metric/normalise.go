package metric

import (
	_ "embed" // the table
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// normalise reduces a text to words that compare equal where a clinician would
// read the same thing, in three steps:
//
//  1. split: NFKC, lower case, numbers cut from letters ("10mg" is "10", "mg"),
//     thousands separators and needless zeros dropped, possessive 's dropped,
//     "to" between two numbers dropped ("4 to 6" is "4-6"); '/' and '%' are words
//     of their own, other punctuation only separates;
//  2. replace single words by the [words] part of normalise.txt;
//  3. replace runs of words by its [phrases] part, longest first.
//
// It equates notations, never drugs: a generic name is not its brand.
func normalise(s string) []string {
	return table.phrases.replace(table.words(split(s)))
}

// split is step 1.
func split(s string) []string {
	var words []string
	rs := []rune(strings.ToLower(norm.NFKC.String(s)))
	for i := 0; i < len(rs); {
		switch r := rs[i]; {
		case isLetter(r):
			j := i
			// An apostrophe stays inside a word: "I'm" is not the route IM.
			for j < len(rs) && (isLetter(rs[j]) || isApostrophe(rs[j]) && j+1 < len(rs) && isLetter(rs[j+1])) {
				j++
			}
			w := strings.ReplaceAll(string(rs[i:j]), "’", "'")
			words = append(words, strings.TrimSuffix(w, "'s"))
			i = j
		case isDigit(r) || r == '.' && i+1 < len(rs) && isDigit(rs[i+1]) && (i == 0 || !isDigit(rs[i-1])):
			w, n := number(rs[i:])
			if last := len(words) - 1; last > 0 && words[last] == "to" && isNumber(words[last-1]) {
				words = words[:last]
			}
			words = append(words, w)
			i += n
		case r == '/' || r == '⁄': // NFKC turns ½ into 1⁄2
			words = append(words, "/")
			i++
		case r == '%':
			words = append(words, "%")
			i++
		default:
			i++
		}
	}
	return words
}

func isLetter(r rune) bool { return unicode.IsLetter(r) || unicode.IsMark(r) }
func isDigit(r rune) bool  { return '0' <= r && r <= '9' }

func isApostrophe(r rune) bool { return r == '\'' || r == '’' }

func isNumber(word string) bool { return isDigit(rune(word[0])) }

// number reads a decimal number at the start of rs and returns it without
// thousands separators and needless zeros, and how many runes it took.
func number(rs []rune) (string, int) {
	digits := func(i int) int { // how many digits from i on
		n := 0
		for i+n < len(rs) && isDigit(rs[i+n]) {
			n++
		}
		return n
	}
	i := digits(0)
	whole := string(rs[:i])
	if 1 <= i && i <= 3 {
		for i < len(rs) && rs[i] == ',' && digits(i+1) == 3 {
			whole += string(rs[i+1 : i+4])
			i += 4
		}
	}
	fraction := ""
	if i < len(rs) && rs[i] == '.' {
		if n := digits(i + 1); n > 0 {
			fraction = strings.TrimRight(string(rs[i+1:i+1+n]), "0")
			i += 1 + n
		}
	}
	whole = strings.TrimLeft(whole, "0")
	if whole == "" {
		whole = "0"
	}
	if fraction != "" {
		return whole + "." + fraction, i
	}
	return whole, i
}

// tableText equates notations; the file documents itself.
//
//go:embed normalise.txt
var tableText string

var table = mustParseTable(tableText)

// notation is the parsed table.
type notation struct {
	single  map[string]string
	phrases *phraseTree
}

// words is step 2.
func (n notation) words(words []string) []string {
	for i, w := range words {
		if to, ok := n.single[w]; ok {
			words[i] = to
		}
	}
	return words
}

// phraseTree maps runs of words to their replacement.
type phraseTree struct {
	next map[string]*phraseTree
	to   []string // nil if no phrase ends here
}

func (t *phraseTree) add(from, to []string) error {
	for _, w := range from {
		if t.next == nil {
			t.next = map[string]*phraseTree{}
		}
		if t.next[w] == nil {
			t.next[w] = &phraseTree{}
		}
		t = t.next[w]
	}
	if t.to != nil {
		return fmt.Errorf("%q is listed twice", strings.Join(from, " "))
	}
	t.to = to
	return nil
}

// replace is step 3: at each word the longest phrase that starts there wins.
func (t *phraseTree) replace(words []string) []string {
	out := make([]string, 0, len(words))
	for i := 0; i < len(words); {
		node, size := t, 0
		var to []string
		for n := 0; i+n < len(words); n++ {
			if node = node.next[words[i+n]]; node == nil {
				break
			}
			if node.to != nil {
				to, size = node.to, n+1
			}
		}
		if size == 0 {
			out = append(out, words[i])
			i++
			continue
		}
		out = append(out, to...)
		i += size
	}
	return out
}

// parseTable reads lines "canonical: variant | variant" under the headings
// [words] and [phrases]; # starts a comment.
func parseTable(text string) (notation, error) {
	n := notation{single: map[string]string{}, phrases: &phraseTree{}}
	section := ""
	for i, line := range strings.Split(text, "\n") {
		fail := func(format string, args ...any) (notation, error) {
			return n, fmt.Errorf("line %d: %s", i+1, fmt.Sprintf(format, args...))
		}
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if line == "[words]" || line == "[phrases]" {
			section = line
			continue
		}
		to, variants, ok := strings.Cut(line, ":")
		if !ok || section == "" {
			return fail("want a heading or canonical: variants")
		}
		canonical := n.words(split(to))
		for _, v := range strings.Split(variants, "|") {
			from := split(v)
			switch {
			case len(from) == 0:
				return fail("empty variant")
			case section == "[phrases]":
				if err := n.phrases.add(n.words(from), canonical); err != nil {
					return fail("%v", err)
				}
			case len(from) != 1 || len(canonical) != 1:
				return fail("%q is not a single word", v)
			default:
				if _, ok := n.single[from[0]]; ok {
					return fail("%q is listed twice", from[0])
				}
				n.single[from[0]] = canonical[0]
			}
		}
	}
	return n, nil
}

func mustParseTable(text string) notation {
	n, err := parseTable(text)
	if err != nil {
		panic("normalise.txt: " + err.Error())
	}
	return n
}
