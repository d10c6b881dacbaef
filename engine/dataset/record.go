package dataset

import (
	"bytes"
	"crypto/sha256"
	"hash"
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
	hash   hash.Cloner // SHA-256
}

func newDecoder(values *interned, source *Source) *decoder {
	h, ok := sha256.New().(hash.Cloner)
	if !ok {
		panic("dataset: SHA-256 has no copies") // which it has since Go 1.25
	}
	return &decoder{source: source, values: values, hash: h}
}

// record reads what an object says. Its error is a *fault.
func (d *decoder) record(obj object) (Record, error) {
	var r Record
	said, err := d.source.Fields.read(obj)
	if err != nil {
		return r, err
	}
	r.turns = said.turns
	if err := d.identify(&r, &said, obj); err != nil {
		return r, err
	}
	for _, m := range obj {
		if !said.uses(m.key) {
			d.buf = appendCanonical(d.buf[:0], m.value)
			r.fields = append(r.fields, d.values.field(m, d.buf))
		}
	}
	return r, nil
}

// identify works out the four identities. What two have in common they have at their
// beginning, which is hashed once.
func (d *decoder) identify(r *Record, said *said, obj object) error {
	last := len(r.turns) - 1
	d.buf = append(d.buf[:0], contentHeader...)
	for _, t := range r.turns[:last] {
		d.buf = appendTurn(d.buf, t)
	}
	d.hash.Reset()
	d.hash.Write(d.buf)
	d.hash.Sum(r.PromptID[:0])
	d.buf = appendTurn(d.buf[:0], r.turns[last])
	d.hash.Write(d.buf)
	d.hash.Sum(r.ContentID[:0])

	content := said.lastContent(obj)
	text, _ := (*content).(string)
	*content = hole{}
	d.buf = appendCanonical(d.buf[:0], obj)
	*content = text
	before, after, _ := bytes.Cut(d.buf, []byte{holeByte})
	d.hash.Reset()
	d.hash.Write(before)
	blank, err := d.hash.Clone()
	if err != nil {
		return err
	}
	blank.Write([]byte(`""`))
	blank.Write(after)
	blank.Sum(r.BlankID[:0])
	end := len(d.buf)
	d.buf = appendString(d.buf, text) // which may move what after is a part of, but keeps it
	d.hash.Write(d.buf[end:])
	d.hash.Write(after)
	d.hash.Sum(r.ID[:0])
	return nil
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
