package dataset

import (
	"crypto/sha256"
	"slices"
	"strings"
	"unicode/utf8"

	"daybook/engine"
)

// ParseRecord reads one record as it stands on a line of a data file. Index and
// Line of the result are 0, and so is Line of the *Error.
func ParseRecord(data []byte) (Record, error) {
	d := newDecoder()
	r, err := d.record(data)
	if err != nil {
		return Record{}, (&place{path: "record"}).error(err)
	}
	return r, nil
}

// decoder turns lines into records, reusing its buffers from line to line.
type decoder struct {
	parser parser
	buf    []byte
}

func newDecoder() *decoder {
	return &decoder{parser: parser{keys: map[string]string{}}}
}

// record reads one record in the messages shape. Its error is a *fault.
func (d *decoder) record(line []byte) (Record, error) {
	if !utf8.Valid(line) {
		return Record{}, faultf(invalidAt(line), "convert the file to UTF-8, for example with iconv", "%w", ErrEncoding)
	}
	v, err := d.parser.parse(line)
	if err != nil {
		return Record{}, err
	}
	obj, ok := v.(object)
	if !ok {
		return Record{}, faultf(0, `each line is an object such as {"messages": [...]}`, "%w but %s", ErrNotObject, kind(v))
	}
	d.buf = appendCanonical(d.buf[:0], obj)
	r := Record{ID: sha256.Sum256(d.buf), Fields: make(map[string]any, len(obj))}
	for _, m := range obj {
		if m.key != messagesKey {
			r.Fields[m.key] = plain(m.value)
		}
	}
	if r.Turns, err = turns(obj); err != nil {
		return Record{}, err
	}
	d.buf = appendContent(d.buf[:0], r.Turns)
	r.ContentID = sha256.Sum256(d.buf)
	d.buf = appendContent(d.buf[:0], r.Turns[:len(r.Turns)-1])
	r.PromptID = sha256.Sum256(d.buf)
	d.buf = appendCanonical(d.buf[:0], blank(obj))
	r.BlankID = sha256.Sum256(d.buf)
	return r, nil
}

// blank returns a record whose turns are sound with the content of the last one empty.
func blank(record object) object {
	record = slices.Clone(record)
	for i, m := range record {
		list, ok := m.value.(array)
		if m.key != messagesKey || !ok {
			continue
		}
		list = slices.Clone(list)
		last, _ := list[len(list)-1].(object)
		last = slices.Clone(last)
		for j := range last {
			if last[j].key == "content" {
				last[j].value = ""
			}
		}
		list[len(list)-1] = last
		record[i].value = list
	}
	return record
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

const (
	messagesKey = "messages"
	shapeAdvice = `a record looks like {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}`
)

// roles are the speakers a chat template knows.
var roles = []string{"system", "user", "assistant"}

// turns reads the messages of a record and checks that they can be trained on.
func turns(obj object) ([]engine.Turn, error) {
	m, ok := obj.get(messagesKey)
	if !ok {
		keys := make([]string, len(obj))
		for i, m := range obj {
			keys[i] = m.key
		}
		return nil, faultf(0, shapeAdvice, "%w: no %q among the keys %s", ErrMessages, messagesKey, listKeys(keys))
	}
	list, ok := m.value.(array)
	if !ok {
		return nil, faultf(m.at, shapeAdvice, "%w: %q is %s, not an array", ErrMessages, messagesKey, kind(m.value))
	}
	result := make([]engine.Turn, 0, len(list))
	for i, e := range list {
		t, err := turn(e, i, m.at)
		if err != nil {
			return nil, err
		}
		result = append(result, t)
	}
	if n := len(result); n == 0 || result[n-1].Role != "assistant" {
		why := "there are no messages"
		switch {
		case slices.ContainsFunc(result, func(t engine.Turn) bool { return t.Role == "assistant" }):
			why = "the last message is not the assistant's"
		case n > 0:
			why = "there is no assistant message"
		}
		return nil, faultf(m.at, `the last message has role "assistant" and holds the answer to learn`, "%w: %s", ErrNoAssistant, why)
	}
	return result, nil
}

func turn(v any, i, at int) (engine.Turn, error) {
	obj, ok := v.(object)
	if !ok {
		return engine.Turn{}, faultf(at, shapeAdvice, "%w: messages[%d] is %s, not an object", ErrMessages, i, kind(v))
	}
	var t engine.Turn
	for _, key := range []string{"role", "content"} {
		m, ok := obj.get(key)
		if !ok {
			if len(obj) > 0 {
				at = obj[0].at
			}
			return t, faultf(at, shapeAdvice, "%w: messages[%d] has no %q", ErrMessages, i, key)
		}
		s, ok := m.value.(string)
		if !ok {
			return t, faultf(m.at, shapeAdvice, "%w: messages[%d].%s is %s, not a string", ErrMessages, i, key, kind(m.value))
		}
		if key == "content" {
			t.Content = s
			if t.Role == "assistant" && strings.TrimSpace(s) == "" {
				return t, faultf(m.at, "give the answer, or leave the record out", "%w: messages[%d].content is empty", ErrNoAssistant, i)
			}
			continue
		}
		known := slices.Index(roles, s)
		if known < 0 {
			return t, faultf(m.at, `use "system", "user" and "assistant"`, "%w: messages[%d] has unknown role %s", ErrMessages, i, quote(s))
		}
		t.Role = roles[known]
	}
	for _, m := range obj {
		// A null says nothing; table formats export absent columns so. Anything
		// else would silently be left out of training.
		if m.key != "role" && m.key != "content" && m.value != nil {
			return t, faultf(m.at, "move it beside messages, or into the content",
				"%w: messages[%d] has key %s, but only role and content are trained on", ErrMessages, i, quote(m.key))
		}
	}
	return t, nil
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
