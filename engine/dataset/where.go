package dataset

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// filter is a compiled Where: every field has to hold one of its values.
type filter []condition

type condition struct {
	field  string
	values []any // nil, bool, float64 or string
}

// newFilter compiles where. Each value is a string, number, boolean or null, or
// a list of them, any of which will do. A field that no record of d has is an
// error, since it is most likely misspelled.
func newFilter(d *Dataset, place string, where map[string]any) (filter, error) {
	f := make(filter, 0, len(where))
	for _, field := range slices.Sorted(maps.Keys(where)) {
		at := place + ".where." + field
		if err := d.RequireField(at, field); err != nil {
			return nil, err
		}
		c := condition{field: field}
		list, ok := where[field].([]any)
		if !ok {
			list = []any{where[field]}
		}
		for _, v := range list {
			s, ok := scalar(v)
			if !ok {
				return nil, &RuleError{
					Place: at, Err: fmt.Errorf("%w: %T to compare with", ErrBadRule, v),
					Advice: "give a string, a number, a boolean, or a list of them",
				}
			}
			c.values = append(c.values, s)
		}
		f = append(f, c)
	}
	return f, nil
}

// scalar brings the ways to hold a value in Go to the ones a record has.
func scalar(v any) (any, bool) {
	switch v := v.(type) {
	case nil, bool, string, float64:
		return v, true
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	}
	return nil, false
}

// match reports whether r has every field with an accepted value. A list in the
// record matches if one of its elements does; a missing field never matches.
func (f filter) match(r *Record) bool {
	for _, c := range f {
		v, ok := r.Field(c.field)
		if !ok || !c.accepts(v) {
			return false
		}
	}
	return true
}

func (c condition) accepts(v any) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, c.accepts)
	case map[string]any:
		return false
	default:
		return slices.Contains(c.values, v)
	}
}

// RequireField returns a *RuleError wrapping ErrUnknownField, with the nearest
// name for a hint, unless some record has the field. place is where it was asked
// for, such as "eval.by".
func (d *Dataset) RequireField(place, field string) error {
	for i := range d.Records {
		if _, ok := d.Records[i].Field(field); ok {
			return nil
		}
	}
	e := &RuleError{Place: place, Err: fmt.Errorf("%w: %s", ErrUnknownField, quote(field))}
	names := d.fieldNames()
	if near := nearest(field, names); near != "" {
		e.Advice = fmt.Sprintf("did you mean %q?", near)
	} else {
		e.Advice = "fields are " + listKeys(names)
	}
	return e
}

// fieldNames returns every field name, sorted, with dots into objects.
func (d *Dataset) fieldNames() []string {
	seen := map[string]bool{}
	var walk func(prefix string, m map[string]any)
	walk = func(prefix string, m map[string]any) {
		for k, v := range m {
			seen[prefix+k] = true
			if inner, ok := v.(map[string]any); ok && strings.Count(prefix, ".") < 3 {
				walk(prefix+k+".", inner)
			}
		}
	}
	for i := range d.Records {
		for _, f := range d.Records[i].fields {
			name := *f.name
			seen[name] = true
			if f.value == nil {
				continue
			}
			if inner, ok := f.value.v.(map[string]any); ok {
				walk(name+".", inner)
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// nearest returns the name that takes the fewest edits to reach, or "" if all
// take more than a third of its length.
func nearest(name string, names []string) string {
	best, edits := "", max(len(name)/3, 1)+1
	for _, n := range names {
		e := distance(strings.ToLower(name), strings.ToLower(n))
		if inner := n[strings.LastIndexByte(n, '.')+1:]; strings.EqualFold(inner, name) {
			e = 0 // the right name, one object too high
		}
		if e < edits {
			best, edits = n, e
		}
	}
	return best
}

// distance is Levenshtein's, over bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
