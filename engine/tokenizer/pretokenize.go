package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// preTokenizer cuts a piece into smaller ones, in order, and may rewrite them.
type preTokenizer func(p piece, spans bool, emit func(piece))

// chain runs list one after another on what the one before emits.
func chain(list []preTokenizer) preTokenizer {
	if len(list) == 0 {
		return func(p piece, _ bool, emit func(piece)) { emit(p) }
	}
	first, rest := list[0], chain(list[1:])
	if len(list) == 1 {
		return first
	}
	return func(p piece, spans bool, emit func(piece)) {
		first(p, spans, func(q piece) { rest(q, spans, emit) })
	}
}

// digits is Digits: numbers apart from the rest, each digit by itself if individual.
func digits(individual bool) preTokenizer {
	return func(p piece, _ bool, emit func(piece)) {
		for i := 0; i < len(p.text); {
			digit, n := digitAt(p.text, i)
			j := i + n
			for j < len(p.text) {
				next, m := digitAt(p.text, j)
				if next != digit || digit && individual {
					break
				}
				j += m
			}
			emit(p.cut(i, j))
			i = j
		}
	}
}

// numeric is Digits' notion of a number.
var numeric = func() runeSet {
	n, _ := property("N")
	return union(n, newestNumbers)
}()

// digitAt reports whether the character at s[i:] is numeric, and its length.
func digitAt(s string, i int) (bool, int) {
	if c := s[i]; c < utf8.RuneSelf {
		return '0' <= c && c <= '9', 1
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	return numeric.has(r), n
}

// byteLevel is ByteLevel. The bytes are not turned into the characters that
// stand for them: the model is built to take bytes.
func byteLevel(prefixSpace bool, pattern *automaton) preTokenizer {
	return func(p piece, spans bool, emit func(piece)) {
		if prefixSpace && !strings.HasPrefix(p.text, " ") {
			p = prepend(" ")(p, spans)
		}
		if pattern == nil {
			if p.text != "" {
				emit(p)
			}
			return
		}
		for i := 0; i < len(p.text); {
			end := pattern.match(p.text, i) // GPT-2's matches everywhere
			emit(p.cut(i, end))
			i = end
		}
	}
}

// scheme says where Metaspace puts its mark though there is no space.
type scheme string

const (
	schemeAlways scheme = "always" // before every piece
	schemeFirst  scheme = "first"  // before the piece that begins the text
	schemeNever  scheme = "never"
)

// metaspace is Metaspace: spaces become mark, one is put before pieces as where
// says, and words are cut before each mark if cut.
func metaspace(mark string, where scheme, cut bool) preTokenizer {
	spaces := &automaton{literal: " "}
	marks := split(&automaton{literal: mark}, mergedWithNext, false)
	return func(p piece, spans bool, emit func(piece)) {
		p = replace(spaces, mark)(p, spans)
		if (where == schemeAlways || where == schemeFirst && p.at == 0) && !strings.HasPrefix(p.text, mark) {
			p = prepend(mark)(p, spans)
		}
		if cut {
			marks(p, spans, emit)
		} else if p.text != "" {
			emit(p)
		}
	}
}

// patternGPT2 is the expression that ByteLevel has built in (Radford et al. 2019).
const patternGPT2 = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

var gpt2 = mustCompile(patternGPT2)
