package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// class is what the pre-tokenizers' expressions ask of a character.
type class uint8

const (
	other  class = iota
	letter       // \p{L}
	number       // \p{N}
	space        // \s, the property White_Space
	none         // end of text
)

var asciiClass = func() (t [utf8.RuneSelf]class) {
	for r := range t {
		t[r] = runeClass(rune(r))
	}
	return t
}()

func runeClass(r rune) class {
	switch {
	case unicode.IsLetter(r):
		return letter
	case unicode.IsNumber(r):
		return number
	case unicode.IsSpace(r):
		return space
	case r > unicode.MaxLatin1 && unicode.Is(newerLetters, r):
		return letter
	case r > unicode.MaxLatin1 && unicode.Is(newerNumbers, r):
		return number
	}
	return other
}

// classAt returns the class and the length of the character at s[i:], none and 0 at the end.
func classAt(s string, i int) (class, int) {
	if i >= len(s) {
		return none, 0
	}
	if c := s[i]; c < utf8.RuneSelf {
		return asciiClass[c], 1
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	return runeClass(r), n
}

// run returns the end of the characters of class c from i on.
func run(s string, i int, c class) int {
	for {
		k, n := classAt(s, i)
		if k != c {
			return i
		}
		i += n
	}
}

// newerLetters and newerNumbers are what the Unicode version of the tokenizers
// library has beyond that of package unicode.
var (
	newerLetters = &unicode.RangeTable{}
	newerNumbers = &unicode.RangeTable{}
)
