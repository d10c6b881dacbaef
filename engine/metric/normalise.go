package metric

import (
	_ "embed" // the table
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// normalise reduces a text to words that compare equal where a clinician would
// read the same thing, in three steps:
//
//  1. split: NFKC, lower case, numbers cut from letters ("10mg" is "10", "mg"),
//     thousands separators and needless zeros dropped, possessive 's dropped;
//     '/', '%', '<' and '>' are words of their own, other punctuation only separates;
//  2. replace single words by the [words] part of normalise.txt, and drop "to"
//     between two numbers ("4 to 6" is "4-6");
//  3. replace runs of words by its [phrases] part, longest first;
//  4. drop the words of its [fillers] part that are left.
//
// It equates notations, never drugs: a generic name is not its brand.
func normalise(s string) []string {
	words := table.phrases.replace(table.words(split(s)))
	return slices.DeleteFunc(words, func(w string) bool { return table.fillers[w] })
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
			words = append(words, w)
			i += n
		case r == '/' || r == '⁄': // NFKC turns ½ into 1⁄2
			words = append(words, "/")
			i++
		case r == '%' || r == '<' || r == '>':
			words = append(words, string(r))
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
	fillers map[string]bool
}

// words is step 2; it reuses its argument.
func (n notation) words(words []string) []string {
	out := words[:0]
	for _, w := range words {
		if to, ok := n.single[w]; ok {
			w = to
		}
		if last := len(out) - 1; last > 0 && isNumber(w) && out[last] == "to" && isNumber(out[last-1]) {
			out = out[:last]
		}
		out = append(out, w)
	}
	return out
}

// anyNumber stands for a number in a phrase; the table writes it N.
const anyNumber = "#"

// phraseTree maps runs of words to their replacement.
type phraseTree struct {
	next map[string]*phraseTree
	to   []string // nil if no phrase ends here; anyNumber is the next number that matched
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

// longest returns the replacement of the longest phrase at the start of words,
// and how many words that phrase has: 0 if there is none. Of two phrases of one
// length the one that spells the number out wins.
func (t *phraseTree) longest(words []string) (to []string, size int) {
	to = t.to
	if len(words) == 0 {
		return to, 0
	}
	if next := t.next[words[0]]; next != nil {
		if found, n := next.longest(words[1:]); found != nil {
			to, size = found, n+1
		}
	}
	if next := t.next[anyNumber]; next != nil && isNumber(words[0]) {
		if found, n := next.longest(words[1:]); found != nil && n+1 > size {
			to, size = found, n+1
		}
	}
	return to, size
}

// replace is step 3: at each word the longest phrase that starts there wins.
func (t *phraseTree) replace(words []string) []string {
	out := make([]string, 0, len(words))
	for i := 0; i < len(words); {
		to, size := t.longest(words[i:])
		if size == 0 {
			out = append(out, words[i])
			i++
			continue
		}
		numbers := slices.DeleteFunc(slices.Clone(words[i:i+size]), func(w string) bool { return !isNumber(w) })
		for _, w := range to {
			if w == anyNumber {
				w, numbers = numbers[0], numbers[1:]
			}
			out = append(out, w)
		}
		i += size
	}
	return out
}

// parseTable reads lines "canonical: variant | variant" under the headings
// [words] and [phrases], and "word | word" under [fillers]; # starts a comment.
func parseTable(text string) (notation, error) {
	n := notation{single: map[string]string{}, phrases: &phraseTree{}, fillers: map[string]bool{}}
	section := ""
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		switch line {
		case "":
			continue
		case "[words]", "[phrases]", "[fillers]":
			section = line
			continue
		}
		to, variants, ok := strings.Cut(line, ":")
		if section == "[fillers]" {
			to, variants, ok = "", line, true
		}
		if !ok || section == "" {
			return n, fmt.Errorf("line %d: want a heading or canonical: variants", i+1)
		}
		for _, v := range strings.Split(variants, "|") {
			if err := n.add(section, to, v); err != nil {
				return n, fmt.Errorf("line %d: %w", i+1, err)
			}
		}
	}
	return n, nil
}

// add lists one variant.
func (n notation) add(section, canonical, variant string) error {
	to, from := n.pattern(canonical), n.pattern(variant)
	if section == "[words]" {
		from = split(variant) // as the text will have it
	}
	switch {
	case len(from) == 0 || len(to) == 0 && section != "[fillers]":
		return errors.New("empty variant")
	case section == "[fillers]":
		for _, w := range from {
			n.fillers[w] = true
		}
		return nil
	case section == "[phrases]":
		count := func(words []string) (k int) {
			for _, w := range words {
				if w == anyNumber {
					k++
				} else if isNumber(w) && slices.Contains(words, anyNumber) {
					return -1 // replace could not tell which number is which
				}
			}
			return k
		}
		if k := count(to); k > 0 && k != count(from) {
			return fmt.Errorf("%q and %q hold different numbers", canonical, variant)
		}
		return n.phrases.add(from, to)
	case len(from) != 1 || len(to) != 1:
		return fmt.Errorf("%q is not a single word", variant)
	case n.single[from[0]] != "":
		return fmt.Errorf("%q is listed twice", variant)
	}
	n.single[from[0]] = to[0]
	return nil
}

// pattern splits a side of a table line.
func (n notation) pattern(s string) []string {
	var words []string
	for _, f := range strings.Fields(s) {
		if f == "N" {
			words = append(words, anyNumber)
		} else {
			words = append(words, split(f)...)
		}
	}
	return n.words(words)
}

func mustParseTable(text string) notation {
	n, err := parseTable(text)
	if err != nil {
		panic("normalise.txt: " + err.Error())
	}
	return n
}
