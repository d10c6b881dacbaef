package tokenizer

import "strings"

// byteChar is the printable character that byte-level vocabularies write for
// each byte (Radford et al. 2019, the bytes_to_unicode table of GPT-2): printable
// Latin-1 stands for itself, the other bytes are U+0100 onwards in order.
var byteChar, charByte = func() (chars [256]rune, back [512]int16) {
	for c := range back {
		back[c] = -1
	}
	next := rune(256)
	for b := range 256 {
		c := rune(b)
		if b < '!' || b > '~' && b < 0xA1 || b == 0xAD {
			c = next
			next++
		}
		chars[b] = c
		back[c] = int16(b)
	}
	return chars, back
}()

// decodeBytes returns the bytes that a token of a byte-level vocabulary stands
// for, and whether each of its characters stands for a byte.
func decodeBytes(token string) (string, bool) {
	var b strings.Builder
	b.Grow(len(token))
	for _, c := range token {
		if int(c) >= len(charByte) || charByte[c] < 0 {
			return "", false
		}
		b.WriteByte(byte(charByte[c]))
	}
	return b.String(), true
}
