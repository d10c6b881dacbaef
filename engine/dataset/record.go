package dataset

import (
	"crypto/sha256"
	"strings"
	"unicode/utf8"
)

// ParseRecord reads one record as it stands on a line of a JSON Lines file. Index
// and Line of the result are 0, and so is Line of the *Error.
func ParseRecord(data []byte) (Record, error) {
	v, err := newParser().record(data)
	if err == nil {
		var r Record
		if r, err = newDecoder(&interned{whole: true}, &Source{}).record(v); err == nil {
			return r, nil
		}
	}
	return Record{}, (&place{path: "record"}).error(err)
}

// record parses one record that is JSON. Its error is a *fault.
func (p *parser) record(data []byte) (object, error) {
	if !utf8.Valid(data) {
		return nil, faultf(invalidAt(data), "convert the file to UTF-8, for example with iconv", "%w", ErrEncoding)
	}
	v, err := p.parse(data)
	if err != nil {
		return nil, err
	}
	obj, ok := v.(object)
	if !ok {
		return nil, faultf(0, `a record is an object such as {"messages": [...]}`, "%w but %s", ErrNotObject, kind(v))
	}
	return obj, nil
}

// decoder turns parsed objects into records, reusing its buffer.
type decoder struct {
	source *Source
	values *interned
	buf    []byte
}

func newDecoder(values *interned, source *Source) *decoder {
	return &decoder{source: source, values: values}
}

// record reads what an object says. Its error is a *fault.
func (d *decoder) record(obj object) (Record, error) {
	d.buf = appendCanonical(d.buf[:0], obj)
	r := Record{ID: sha256.Sum256(d.buf)}
	said, err := d.source.Fields.read(obj)
	if err != nil {
		return Record{}, err
	}
	for _, m := range obj {
		if !said.uses(m.key) {
			d.buf = appendCanonical(d.buf[:0], m.value)
			r.fields = append(r.fields, field{d.values.name(m.key), d.values.value(m.value, d.buf)})
		}
	}
	r.turns = said.turns
	d.buf = appendContent(d.buf[:0], r.turns)
	r.ContentID = sha256.Sum256(d.buf)
	d.buf = appendContent(d.buf[:0], r.turns[:len(r.turns)-1])
	r.PromptID = sha256.Sum256(d.buf)
	d.buf = appendCanonical(d.buf[:0], said.blank(obj))
	r.BlankID = sha256.Sum256(d.buf)
	return r, nil
}

func invalidAt(b []byte) int {
	i := 0
	for i < len(b) {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n <= 1 {
			break
		}
		i += n
	}
	return i
}

func kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case float64:
		return "a number"
	case string:
		return "a string"
	case array, []any:
		return "an array"
	}
	return "an object"
}

// listKeys shows a few keys of a record.
func listKeys(keys []string) string {
	const most = 8
	if len(keys) == 0 {
		return "(there are none)"
	}
	shown := make([]string, 0, most+1)
	for _, k := range keys[:min(len(keys), most)] {
		shown = append(shown, quote(k))
	}
	if len(keys) > most {
		shown = append(shown, "…")
	}
	return strings.Join(shown, ", ")
}
