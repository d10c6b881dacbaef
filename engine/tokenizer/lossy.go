package tokenizer

import (
	"bytes"
	"unicode/utf8"
)

// lossyUTF8 replaces each maximal subpart of an ill-formed sequence by U+FFFD
// (Unicode 15, section 3.9, "U+FFFD Substitution of Maximal Subparts"), where
// strings.ToValidUTF8 would replace a whole run of them by one.
func lossyUTF8(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var out bytes.Buffer
	out.Grow(len(b) + 8)
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			out.WriteString("\uFFFD")
			b = b[illFormed(b):]
			continue
		}
		out.Write(b[:n])
		b = b[n:]
	}
	return out.String()
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
