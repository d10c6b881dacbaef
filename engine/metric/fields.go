package metric

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// fieldCounts are true positives, false positives and false negatives of one
// record, counted in (key, value) fields that are not null.
type fieldCounts struct{ tp, fp, fn float64 }

// fieldScore compares the items of prediction and reference field by field.
//
// A predicted item is paired with the first unpaired gold item whose values
// under the match keys are equal, ignoring case and all white space; an item
// with null under every match key pairs with none. Within a pair every key of
// either side counts: equal values (ignoring case and runs of white space) are
// a true positive, different ones a false positive and a false negative, a
// value on one side alone is the respective one. Fields of unpaired items are
// false positives and false negatives. A number equals its decimal text.
func fieldScore(cfg Config, ratio func(fieldCounts) Score) func(Case) Score {
	return func(c Case) Score {
		return ratio(countFields(cfg, items(c.Prediction, cfg.List), items(c.Reference, cfg.List)))
	}
}

func countFields(cfg Config, predicted, gold []item) fieldCounts {
	waiting := map[string][]item{} // gold items by match key, in order
	for _, g := range gold {
		k := g.pairKey(cfg.Match)
		waiting[k] = append(waiting[k], g)
	}
	var n fieldCounts
	for _, p := range predicted {
		k := p.pairKey(cfg.Match)
		queue := waiting[k]
		if k == "" || len(queue) == 0 {
			n.fp += float64(len(p))
			continue
		}
		g := queue[0]
		waiting[k] = queue[1:]
		for key, value := range p {
			switch want, ok := g[key]; {
			case !ok:
				n.fp++
			case value == want:
				n.tp++
			default:
				n.fp++
				n.fn++
			}
		}
		for key := range g {
			if _, ok := p[key]; !ok {
				n.fn++
			}
		}
	}
	for _, queue := range waiting {
		for _, g := range queue {
			n.fn += float64(len(g))
		}
	}
	return n
}

// item holds the non-null fields of one extracted item, values folded for comparison.
type item map[string]string

// pairKey joins the values under the match keys, or is "" if there are none.
func (it item) pairKey(match []string) string {
	var b strings.Builder
	found := false
	for _, key := range match {
		if v, ok := it[key]; ok {
			found = true
			for _, r := range v {
				if !unicode.IsSpace(r) {
					b.WriteRune(r)
				}
			}
			b.WriteByte(1) // a null is not an empty string
		}
		b.WriteByte(0)
	}
	if !found {
		return ""
	}
	return b.String()
}

// items returns the items of an answer: the elements of the array under list in
// its top-level object. An element that is no object is an item with one field
// under the key "". An answer of any other form has no items.
func items(answer, list string) []item {
	elems, err := elements(answer, list)
	if err != nil {
		return nil
	}
	var result []item
	for _, e := range elems {
		it := item{}
		obj, ok := e.(map[string]any)
		if !ok {
			obj = map[string]any{"": e}
		}
		for key, value := range obj {
			if value != nil {
				it[key] = fold(text(value))
			}
		}
		result = append(result, it)
	}
	return result
}

// elements returns the array under list, with numbers as json.Number. The error
// says what the answer is instead.
func elements(answer, list string) ([]any, error) {
	dec := json.NewDecoder(strings.NewReader(unfence(answer)))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil, errors.New("it is not JSON")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON")
	}
	obj, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("it is not a JSON object")
	}
	elems, ok := obj[list].([]any)
	if !ok {
		return nil, fmt.Errorf("it has no array under %q", list)
	}
	return elems, nil
}

// unfence removes one Markdown code fence around the whole answer.
func unfence(s string) string {
	s = strings.TrimSpace(s)
	inner, ok := strings.CutPrefix(s, "```")
	if !ok {
		return s
	}
	inner, ok = strings.CutSuffix(inner, "```")
	info, body, newline := strings.Cut(inner, "\n")
	if !ok || !newline || strings.ContainsAny(info, "{}[]\"`") {
		return s
	}
	return body
}

// text renders a JSON value as the text to compare: strings as they are,
// numbers as written except for needless digits, the rest as compact JSON with
// sorted keys.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return trimNumber(v.String())
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return ""
	}
	return strings.TrimSpace(b.String())
}

// trimNumber drops zeros that change nothing: "2.50" is "2.5", "2.0" is "2".
func trimNumber(s string) string {
	if !strings.Contains(s, ".") || strings.ContainsAny(s, "eE") {
		return s
	}
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// fold prepares a value for comparison: NFC, lower case, white space runs as
// one space, trimmed.
func fold(s string) string {
	return strings.Join(strings.Fields(strings.ToLower(norm.NFC.String(s))), " ")
}

// leaves appends the texts of all strings and numbers in a value, keys in
// sorted order. Booleans and nulls are judgements, not text of a note.
func leaves(dst []string, v any) []string {
	switch v := v.(type) {
	case string, json.Number:
		return append(dst, text(v))
	case []any:
		for _, e := range v {
			dst = leaves(dst, e)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			dst = leaves(dst, v[key])
		}
	}
	return dst
}
