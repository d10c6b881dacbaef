package sweeps

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/gowebpki/jcs"
)

// Canonical returns the spec as canonical JSON (RFC 8785), every field
// included. Equal specs have equal bytes.
func (s *Spec) Canonical() ([]byte, error) { return Canonical(s) }

// Canonical returns v as canonical JSON (RFC 8785), which digests are made of.
func Canonical(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("canonical JSON: %w", err)
	}
	p := plainJSON{in: data, out: make([]byte, 0, len(data))}
	if p.value() && len(p.in) == 0 {
		return p.out, nil
	}
	if data, err = jcs.Transform(data); err != nil {
		return nil, fmt.Errorf("canonical JSON: %w", err)
	}
	return data, nil
}

// number writes f as RFC 8785 does: 16, 0.0002, 1e-7.
func number(f float64) string {
	s, err := jcs.NumberToJSON(f)
	if err != nil {
		return strconv.FormatFloat(f, 'g', -1, 64) // NaN and infinities, for messages
	}
	return s
}

// plainJSON makes canonical JSON of what json.Marshal wrote, in a tenth of the time
// that a full implementation takes, which a sweep of thousands of specs is made
// to wait for. It gives up, and leaves the value to that one, where a string has
// an escape, a key is not ASCII or occurs twice, or something is not as
// json.Marshal writes it.
type plainJSON struct {
	in, out []byte // what is left to read, what is written
	scratch []byte
}

// value moves the next value from in to out; false says that it gave up.
func (p *plainJSON) value() bool {
	if len(p.in) == 0 {
		return false
	}
	switch p.in[0] {
	case '{':
		return p.object()
	case '[':
		return p.array()
	case '"':
		return p.text()
	case 't':
		return p.literal("true")
	case 'f':
		return p.literal("false")
	case 'n':
		return p.literal("null")
	}
	return p.number()
}

// literal moves a word that is expected.
func (p *plainJSON) literal(word string) bool {
	rest, ok := bytes.CutPrefix(p.in, []byte(word))
	p.in, p.out = rest, append(p.out, word...)
	return ok
}

func (p *plainJSON) array() bool {
	if !p.literal("[") {
		return false
	}
	for p.next() != ']' {
		if !p.value() || p.next() != ']' && !p.literal(",") {
			return false
		}
	}
	return p.literal("]")
}

// next returns the next byte, 0 at the end.
func (p *plainJSON) next() byte {
	if len(p.in) == 0 {
		return 0
	}
	return p.in[0]
}

// member is a key with its value, as places in what an object has written so far.
type member struct{ start, key, end int }

func (p *plainJSON) object() bool {
	if !p.literal("{") {
		return false
	}
	var few [32]member // as many as any object of a spec has
	members, from := few[:0], len(p.out)
	for p.next() != '}' {
		m := member{start: len(p.out)}
		if !p.text() || slices.ContainsFunc(p.out[m.start:], func(c byte) bool { return c >= utf8.RuneSelf }) {
			return false
		}
		m.key = len(p.out)
		if !p.literal(":") || !p.value() {
			return false
		}
		m.end = len(p.out)
		members = append(members, m)
		if p.next() == ',' {
			p.in = p.in[1:]
		} else if p.next() != '}' {
			return false
		}
	}
	return p.sort(from, members) && p.literal("}")
}

// sort puts the members that were written from a place on into order, with commas.
// Of ASCII keys the order of bytes is that of RFC 8785.
func (p *plainJSON) sort(from int, members []member) bool {
	key := func(m member) []byte { return p.out[m.start+1 : m.key-1] }
	slices.SortFunc(members, func(a, b member) int { return bytes.Compare(key(a), key(b)) })
	for i := 1; i < len(members); i++ {
		if bytes.Equal(key(members[i-1]), key(members[i])) {
			return false
		}
	}
	p.scratch = append(p.scratch[:0], p.out[from:]...)
	p.out = p.out[:from]
	for i, m := range members {
		if i > 0 {
			p.out = append(p.out, ',')
		}
		p.out = append(p.out, p.scratch[m.start-from:m.end-from]...)
	}
	return true
}

// text moves a string without escapes.
func (p *plainJSON) text() bool {
	if p.next() != '"' {
		return false
	}
	end := 1
	for end < len(p.in) && p.in[end] != '"' {
		if c := p.in[end]; c < ' ' || c == '\\' {
			return false
		}
		end++
	}
	if end == len(p.in) || !utf8.Valid(p.in[:end]) {
		return false
	}
	p.in, p.out = p.in[end+1:], append(p.out, p.in[:end+1]...)
	return true
}

func (p *plainJSON) number() bool {
	end := 0
	for end < len(p.in) && bytes.IndexByte([]byte("+-.0123456789Ee"), p.in[end]) >= 0 {
		end++
	}
	text := string(p.in[:end])
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return false
	}
	if text, err = jcs.NumberToJSON(f); err != nil {
		return false
	}
	p.in, p.out = p.in[end:], append(p.out, text...)
	return true
}
