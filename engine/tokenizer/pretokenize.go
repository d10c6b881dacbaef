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

// words calls emit for each word of s with its place in s. Where ByteLevel puts
// a space before a piece, the word has it and the place does not.
func (t *Tokenizer) words(s string, emit func(word string, start int)) {
	t.cut(s, 0, t.steps, func(start, end int) {
		piece := s[start:end]
		shift := start
		if t.byteLevel.prefixSpace && piece[0] != ' ' {
			piece = " " + piece
			shift--
		}
		if t.byteLevel.scan == nil {
			emit(piece, shift)
			return
		}
		for i := 0; i < len(piece); {
			j := t.byteLevel.scan(piece, i)
			emit(piece[i:j], shift+i)
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
			for j < len(s) && !(digit && individual) {
				next, m := digitAt(s, j)
				if next != digit {
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
