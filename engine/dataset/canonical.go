package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"daybook/engine"
)

// sort orders members by the UTF-16 code units of their keys (RFC 8785 section
// 3.2.3) and refuses duplicates.
func (o object) sort() error {
	slices.SortFunc(o, func(a, b member) int {
		if c := compareUTF16(a.key, b.key); c != 0 {
			return c
		}
		return a.at - b.at
	})
	for i := 1; i < len(o); i++ {
		if o[i].key == o[i-1].key {
			return faultf(o[i].at, "keep one of them", "%w %s", ErrDuplicateKey, quote(o[i].key))
		}
	}
	return nil
}

// compareUTF16 differs from the order of the bytes only where a character
// outside the basic plane (a surrogate pair, D800..DFFF) meets one of
// U+E000..U+FFFF.
func compareUTF16(a, b string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		// 0xF0 and above lead characters outside the plane, 0xEE and 0xEF lead U+E000..U+FFFF.
		if x >= 0xEE && y >= 0xEE && (x >= 0xF0) != (y >= 0xF0) {
			return int(y) - int(x)
		}
		return int(x) - int(y)
	}
	return len(a) - len(b)
}

// get returns the member with the key.
func (o object) get(key string) (member, bool) {
	for _, m := range o {
		if m.key == key {
			return m, true
		}
	}
	return member{}, false
}

// plain converts a parsed value to what encoding/json would decode into any, with
// strings of its own.
func plain(v any) any {
	switch v := v.(type) {
	case object:
		m := make(map[string]any, len(v))
		for _, e := range v {
			m[strings.Clone(e.key)] = plain(e.value)
		}
		return m
	case array:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = plain(e)
		}
		return list
	case string:
		return strings.Clone(v)
	}
	return v
}

// hole stands for a value that is to be put in later. It is written as a byte that
// canonical JSON can't have.
type hole struct{}

const holeByte = 0

// appendCanonical appends the RFC 8785 form of a parsed value.
func appendCanonical(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case float64:
		return appendNumber(dst, v)
	case string:
		return appendString(dst, v)
	case hole:
		return append(dst, holeByte)
	case array:
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendCanonical(dst, e)
		}
		return append(dst, ']')
	case object:
		dst = append(dst, '{')
		for i, m := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendString(dst, m.key)
			dst = append(dst, ':')
			dst = appendCanonical(dst, m.value)
		}
		return append(dst, '}')
	}
	panic("dataset: value the parser doesn't make")
}

const hexDigits = "0123456789abcdef"

// appendString quotes as RFC 8785 section 3.2.2.2: only what JSON requires is escaped.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !special[c] {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\r':
			dst = append(dst, '\\', 'r')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(append(dst, s[from:]...), '"')
}

// exponentFrom is where ECMAScript's Number::toString starts to use an exponent.
const exponentFrom = 1e21

// appendNumber writes a finite number as ECMAScript does (RFC 8785 section 3.2.2.3).
func appendNumber(dst []byte, f float64) []byte {
	if f == 0 {
		return append(dst, '0') // also -0
	}
	if a := abs(f); a >= 1e-6 && a < exponentFrom {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	from := len(dst)
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	// Go pads the exponent to two digits, ECMAScript doesn't.
	if e := from + strings.LastIndexByte(string(dst[from:]), 'e'); dst[e+2] == '0' {
		dst = append(dst[:e+2], dst[e+3:]...)
	}
	return dst
}

// quote shows a short piece of a record in an error: enough to find it, not
// enough to leak it.
func quote(s string) string {
	const most = 24 // runes
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "…"
	}
	return strconv.Quote(s)
}

// ContentID returns the identity of an example by its turns alone; the package
// comment has the format.
func ContentID(turns []engine.Turn) [32]byte {
	text := []byte(contentHeader)
	for _, t := range turns {
		text = appendTurn(text, t)
	}
	return sha256.Sum256(text)
}

const contentHeader = "daybook content 1\n"

// appendTurn appends what ContentID hashes of a turn.
func appendTurn(dst []byte, t engine.Turn) []byte {
	content := normalise(t.Content)
	dst = binary.BigEndian.AppendUint64(dst, uint64(len(t.Role)))
	dst = append(dst, t.Role...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(len(content)))
	return append(dst, content...)
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func normalise(s string) string {
	if !ascii(s) {
		s = norm.NFC.String(s)
	}
	if strings.IndexByte(s, '\r') >= 0 {
		s = strings.ReplaceAll(s, "\r\n", "\n")
		s = strings.ReplaceAll(s, "\r", "\n")
	}
	return strings.TrimSpace(s)
}
