package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// step cuts a piece of text into smaller ones, in order and without gaps.
type step func(s string, emit func(start, end int))

// byteLevel is the ByteLevel pre-tokenizer, which is always the last: what comes
// out of it are words for the model.
type byteLevel struct {
	prefixSpace bool
	scan        scanner // nil: the piece is one word
}

// word is what the model encodes.
type word struct {
	text  string
	start int // in the text that was cut
	// prefix is 0, or the length of the first character of a word that
	// ByteLevel put a space before, which then counts as part of it.
	prefix int
}

// span returns where bytes start..end of the word lie in the text that was cut.
func (w word) span(start, end int) (int, int) {
	if w.prefix > 0 {
		start, end = max(start-1, 0), max(end-1, w.prefix)
	}
	return w.start + start, w.start + end
}

// words calls emit for each word of s.
func (t *Tokenizer) words(s string, emit func(word)) {
	t.cut(s, 0, t.steps, func(start, end int) {
		piece, prefix := s[start:end], 0
		if t.byteLevel.prefixSpace && piece[0] != ' ' {
			_, prefix = utf8.DecodeRuneInString(piece)
			piece = " " + piece
		}
		for i := 0; i < len(piece); {
			j := len(piece)
			if t.byteLevel.scan != nil {
				j = t.byteLevel.scan(piece, i)
			}
			w := word{text: piece[i:j], start: start + i}
			switch {
			case prefix > 0 && i == 0:
				w.prefix = prefix
			case prefix > 0:
				w.start--
			}
			emit(w)
			i = j
		}
	})
}

// cut applies steps to s, whose first byte is at offset.
func (t *Tokenizer) cut(s string, offset int, steps []step, emit func(start, end int)) {
	if s == "" {
		return
	}
	if len(steps) == 0 {
		emit(offset, offset+len(s))
		return
	}
	steps[0](s, func(start, end int) {
		t.cut(s[start:end], offset+start, steps[1:], emit)
	})
}

// scanStep is Split with a known expression.
func scanStep(scan scanner) step {
	return func(s string, emit func(start, end int)) {
		for i := 0; i < len(s); {
			j := scan(s, i)
			emit(i, j)
			i = j
		}
	}
}

// digitStep is Digits: numbers apart from the rest, each digit by itself if individual.
func digitStep(individual bool) step {
	return func(s string, emit func(start, end int)) {
		for i := 0; i < len(s); {
			digit, n := digitAt(s, i)
			j := i + n
			for j < len(s) {
				next, m := digitAt(s, j)
				if next != digit || digit && individual {
					break
				}
				j += m
			}
			emit(i, j)
			i = j
		}
	}
}

// digitAt reports whether the character at s[i:] is numeric, and its length.
func digitAt(s string, i int) (bool, int) {
	c, n := classAt(s, i)
	if c == other && n == 4 {
		r, _ := utf8.DecodeRuneInString(s[i:])
		return unicode.Is(newestNumbers, r), n
	}
	return c == number, n
}
