package dataset

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The parser here reads one line of strict JSON (RFC 8259 within the limits of
// I-JSON, RFC 7493). encoding/json is not used because it keeps the last of
// duplicate keys, replaces lone surrogates, rounds large integers, and would
// need a second pass for the canonical form; all of that decides identities.

// object keeps its members sorted by key as RFC 8785 wants them.
type object []member

type member struct {
	key   string
	at    int // offset of the key in the line
	value any // nil, bool, float64, string, array or object
}

type array []any

const (
	maxDepth   = 256     // nesting levels; bounds the parser's stack
	maxInteger = 1 << 53 // the largest integer up to which every one is a float64
)

// parser makes values whose strings are parts of the text, where they have no
// escapes: whoever keeps one clones it.
type parser struct {
	text    string
	pos     int
	depth   int
	buf     []byte            // scratch for strings with escapes
	members []member          // of the objects that are open
	values  []any             // of the arrays that are open
	keys    map[string]string // keys seen in the file, so that each is allocated once
}

func newParser() *parser { return &parser{keys: map[string]string{}} }

// parse reads data as one JSON value with nothing after it. data is valid UTF-8.
func (p *parser) parse(data []byte) (any, error) {
	p.text, p.pos, p.depth = string(data), 0, 0
	p.members, p.values = p.members[:0], p.values[:0]
	v, err := p.value()
	if err != nil {
		return nil, err
	}
	if c, ok := p.next(); ok {
		return nil, faultf(p.pos, "put one record on each line", "%w: %s after the record", ErrNotJSON, show(c))
	}
	return v, nil
}

// next skips white space and returns the byte after it without consuming it.
func (p *parser) next() (byte, bool) {
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; c {
		case ' ', '\t', '\r', '\n':
			p.pos++
		default:
			return c, true
		}
	}
	return 0, false
}

func (p *parser) unexpected(want string) error {
	c, ok := p.next()
	if !ok {
		return faultf(len(p.text), "a record has to be whole on one line; the file may be cut off",
			"%w: line ends where %s should be", ErrNotJSON, want)
	}
	return faultf(p.pos, "", "%w: %s where %s should be", ErrNotJSON, show(c), want)
}

func show(c byte) string {
	if c < ' ' || c >= utf8.RuneSelf {
		return "byte 0x" + strconv.FormatUint(uint64(c), 16)
	}
	return "'" + string(rune(c)) + "'"
}

func (p *parser) value() (any, error) {
	c, ok := p.next()
	if !ok {
		return nil, p.unexpected("a value")
	}
	switch {
	case c == '{':
		return p.object()
	case c == '[':
		return p.array()
	case c == '"':
		return p.string()
	case c == '-' || '0' <= c && c <= '9':
		return p.number()
	}
	for _, l := range literals {
		if strings.HasPrefix(p.text[p.pos:], l.text) {
			p.pos += len(l.text)
			return l.value, nil
		}
	}
	if c == 'N' || c == 'I' {
		return nil, faultf(p.pos, "JSON has no NaN or Infinity; write null", "%w: %s where a value should be", ErrNotJSON, show(c))
	}
	return nil, p.unexpected("a value")
}

var literals = []struct {
	text  string
	value any
}{{"true", true}, {"false", false}, {"null", nil}}

func (p *parser) enter() error {
	p.depth++
	if p.depth > maxDepth {
		return faultf(p.pos, "", "%w: nested deeper than %d levels", ErrNotJSON, maxDepth)
	}
	p.pos++ // the bracket
	return nil
}

func (p *parser) array() (any, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	from := len(p.values)
	for {
		c, ok := p.next()
		switch {
		case ok && c == ']' && len(p.values) == from:
		case len(p.values) == from:
			v, err := p.value()
			if err != nil {
				return nil, err
			}
			p.values = append(p.values, v)
			continue
		case ok && c == ',':
			p.pos++
			v, err := p.value()
			if err != nil {
				return nil, err
			}
			p.values = append(p.values, v)
			continue
		case !ok || c != ']':
			return nil, p.unexpected("',' or ']'")
		}
		p.pos++
		p.depth--
		list := array(slices.Clone(p.values[from:]))
		p.values = p.values[:from]
		return list, nil
	}
}

func (p *parser) object() (any, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	from := len(p.members)
	for {
		c, ok := p.next()
		if ok && c == '}' {
			p.pos++
			p.depth--
			members := object(slices.Clone(p.members[from:]))
			p.members = p.members[:from]
			return members, members.sort()
		}
		if len(p.members) > from {
			if !ok || c != ',' {
				return nil, p.unexpected("',' or '}'")
			}
			p.pos++
			c, ok = p.next()
		}
		if !ok || c != '"' {
			return nil, p.unexpected("a quoted key")
		}
		at := p.pos
		key, err := p.key()
		if err != nil {
			return nil, err
		}
		if c, ok := p.next(); !ok || c != ':' {
			return nil, p.unexpected("':'")
		}
		p.pos++
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		p.members = append(p.members, member{key: key, at: at, value: v})
	}
}

// key reads a string like string does, sharing the memory of equal keys.
func (p *parser) key() (string, error) {
	end := p.plain()
	if end < 0 {
		return p.string()
	}
	k := p.text[p.pos+1 : end]
	p.pos = end + 1
	if known, ok := p.keys[k]; ok {
		return known, nil
	}
	k = strings.Clone(k)
	if len(p.keys) < 1024 { // data with ever new keys shouldn't be kept twice
		p.keys[k] = k
	}
	return k, nil
}

// plain returns the offset of the quote that ends the string at pos, or -1 if
// the string has escapes or faults.
func (p *parser) plain() int {
	for i := p.pos + 1; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == '"':
			return i
		case special[c]:
			return -1
		}
	}
	return -1
}

// special marks the bytes that can't stand for themselves in a string: control
// characters, '"' and '\\'.
var special = func() (t [256]bool) {
	for c := range ' ' {
		t[c] = true
	}
	t['"'], t['\\'] = true, true
	return t
}()

func (p *parser) string() (string, error) {
	if end := p.plain(); end >= 0 {
		s := p.text[p.pos+1 : end]
		p.pos = end + 1
		return s, nil
	}
	start := p.pos
	buf := p.buf[:0]
	defer func() { p.buf = buf }()
	i := start + 1
	for i < len(p.text) {
		switch c := p.text[i]; {
		case c == '"':
			p.pos = i + 1
			return string(buf), nil
		case c < ' ':
			return "", faultf(i, `write it as an escape, such as \n or \t`, "%w: control character %s inside a string", ErrNotJSON, show(c))
		case c == '\\':
			r, size, err := p.escape(i)
			if err != nil {
				return "", err
			}
			buf = utf8.AppendRune(buf, r)
			i += size
		default:
			// Copy up to the next byte that means something.
			j := i + 1
			for j < len(p.text) && !special[p.text[j]] {
				j++
			}
			buf = append(buf, p.text[i:j]...)
			i = j
		}
	}
	return "", faultf(start, "a record has to be whole on one line; the file may be cut off", "%w: string that starts here never ends", ErrNotJSON)
}

// escape decodes the escape at offset i and returns how many bytes it takes.
func (p *parser) escape(i int) (r rune, size int, err error) {
	if i+1 >= len(p.text) {
		return 0, 0, faultf(i, "", "%w: line ends inside an escape", ErrNotJSON)
	}
	switch c := p.text[i+1]; c {
	case '"', '\\', '/':
		return rune(c), 2, nil
	case 'b':
		return '\b', 2, nil
	case 'f':
		return '\f', 2, nil
	case 'n':
		return '\n', 2, nil
	case 'r':
		return '\r', 2, nil
	case 't':
		return '\t', 2, nil
	case 'u':
		r, ok := p.hex4(i + 2)
		if !ok {
			return 0, 0, faultf(i, "", `%w: \u needs four hex digits`, ErrNotJSON)
		}
		if !utf16.IsSurrogate(r) {
			return r, 6, nil
		}
		if i+7 < len(p.text) && p.text[i+6] == '\\' && p.text[i+7] == 'u' {
			if low, ok := p.hex4(i + 8); ok {
				if full := utf16.DecodeRune(r, low); full != utf8.RuneError {
					return full, 12, nil
				}
			}
		}
		return 0, 0, faultf(i, "the text was cut inside a character outside the basic plane, or is UTF-16 written byte by byte",
			"%w: half of a surrogate pair", ErrEncoding)
	default:
		return 0, 0, faultf(i, "", `%w: unknown escape \%s`, ErrNotJSON, strings.Trim(show(c), "'"))
	}
}

func (p *parser) hex4(i int) (rune, bool) {
	if i+4 > len(p.text) {
		return 0, false
	}
	var r rune
	for _, c := range []byte(p.text[i : i+4]) {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case 'A' <= c && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// number reads a number of the RFC 8259 grammar and refuses what a float64
// can't hold as RFC 8785 needs it.
func (p *parser) number() (any, error) {
	start := p.pos
	digits := func() int {
		from := p.pos
		for p.pos < len(p.text) && '0' <= p.text[p.pos] && p.text[p.pos] <= '9' {
			p.pos++
		}
		return p.pos - from
	}
	peek := func() byte {
		if p.pos < len(p.text) {
			return p.text[p.pos]
		}
		return 0
	}
	malformed := func() error {
		return faultf(start, "", "%w: malformed number", ErrNotJSON)
	}
	if peek() == '-' {
		p.pos++
	}
	leading := peek()
	if n := digits(); n == 0 || n > 1 && leading == '0' {
		return nil, malformed()
	}
	integer := true
	if peek() == '.' {
		integer = false
		p.pos++
		if digits() == 0 {
			return nil, malformed()
		}
	}
	if c := peek(); c == 'e' || c == 'E' {
		integer = false
		p.pos++
		if c := peek(); c == '+' || c == '-' {
			p.pos++
		}
		if digits() == 0 {
			return nil, malformed()
		}
	}
	text := p.text[start:p.pos]
	const advice = "write it as a string"
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, faultf(start, advice, "%w: beyond the range of a 64-bit float", ErrNumber)
	}
	if integer {
		if n, err := strconv.ParseInt(text, 10, 64); err != nil || n > maxInteger || n < -maxInteger {
			return nil, faultf(start, advice, "%w: integer beyond 2^53", ErrNumber)
		}
	} else if a := abs(f); a > maxInteger && a < exponentFrom {
		// Its canonical form would be an integer beyond 2^53 too.
		return nil, faultf(start, advice, "%w: integer beyond 2^53", ErrNumber)
	}
	return f, nil
}

func abs(f float64) float64 {
	if f < 0 {
		return -f
	}
	return f
}
