package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// byteChar is the printable character that byte-level vocabularies write for
// each byte (Radford et al. 2019, the bytes_to_unicode table of GPT-2): printable
// Latin-1 stands for itself, the other bytes are U+0100 onwards in order.
var byteChar, charByte = func() (chars [256]rune, back map[rune]byte) {
	back = make(map[rune]byte, 256)
	next := rune(256)
	for b := range 256 {
		c := rune(b)
		if b < '!' || b > '~' && b < 0xA1 || b == 0xAD {
			c = next
			next++
		}
		chars[b] = c
		back[c] = byte(b)
	}
	return chars, back
}()

// decodeBytes returns the bytes that a token of a byte-level vocabulary stands
// for, and whether each of its characters stands for a byte.
func decodeBytes(token string) (string, bool) {
	var b strings.Builder
	b.Grow(len(token))
	for _, c := range token {
		v, ok := charByte[c]
		if !ok {
			return "", false
		}
		b.WriteByte(v)
	}
	return b.String(), true
}

// lossyUTF8 replaces each maximal subpart of an ill-formed sequence by U+FFFD
// (Unicode 15, section 3.9, "U+FFFD Substitution of Maximal Subparts"), where
// strings.ToValidUTF8 would replace a whole run of them by one.
func lossyUTF8(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	out := make([]byte, 0, len(b)+8)
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			out = append(out, "\uFFFD"...)
			b = b[illFormed(b):]
			continue
		}
		out = append(out, b[:n]...)
		b = b[n:]
	}
	return string(out)
}

// illFormed returns the length of the maximal subpart that b, which does not
// begin with a well-formed character, begins with (Unicode 15, table 3-7).
func illFormed(b []byte) int {
	var need int
	low, high := byte(0x80), byte(0xBF) // bounds of the second byte
	switch c := b[0]; {
	case c >= 0xC2 && c <= 0xDF:
		need = 1
	case c >= 0xE0 && c <= 0xEF:
		need = 2
		switch c {
		case 0xE0:
			low = 0xA0
		case 0xED:
			high = 0x9F
		}
	case c >= 0xF0 && c <= 0xF4:
		need = 3
		switch c {
		case 0xF0:
			low = 0x90
		case 0xF4:
			high = 0x8F
		}
	}
	n := 1
	for ; n <= need && n < len(b); n++ {
		if b[n] < low || b[n] > high {
			break
		}
		low, high = 0x80, 0xBF
	}
	return n
}
