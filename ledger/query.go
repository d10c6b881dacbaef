package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// rowsPerBlock is how many rows collect has room for at a time: a slice that grows
// would copy rows of a few hundred bytes several times.
const rowsPerBlock = 256

// collect runs a query and scans each row.
func collect[T any](ctx context.Context, l *Ledger, scan func(row *sql.Rows, v *T) error, query string, args ...any) ([]T, error) {
	rows, err := l.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, l.explain(err)
	}
	defer func() { _ = rows.Close() }()
	var full [][]T
	var block []T
	for rows.Next() {
		if len(block) == rowsPerBlock {
			full, block = append(full, block), make([]T, 0, rowsPerBlock)
		}
		var none T
		block = append(block, none)
		if err := scan(rows, &block[len(block)-1]); err != nil {
			return nil, l.explain(err)
		}
	}
	if len(full) > 0 {
		block = slices.Concat(append(full, block)...)
	}
	return block, l.explain(rows.Err())
}

// gather is collect for rows that are scanned to the places of a value which
// columns returns: it is asked once, not for every row.
func gather[T any](ctx context.Context, l *Ledger, columns func(v *T) []any, query string, args ...any) ([]T, error) {
	var v, none T
	places := columns(&v)
	return collect(ctx, l, func(row *sql.Rows, to *T) error {
		v = none // what a scan before made is not this one's to write to
		err := row.Scan(places...)
		*to = v
		return err
	}, query, args...)
}

// where collects conditions.
type where struct {
	conditions []string
	args       []any
}

func (w *where) add(condition string, args ...any) {
	w.conditions = append(w.conditions, condition)
	w.args = append(w.args, args...)
}

// sql returns the conditions as a clause, "" if there are none.
func (w *where) sql() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

// column scans a column that holds JSON. What is kept as JSON is not looked at: who
// decodes it does that.
type column struct{ to any }

// Scan implements sql.Scanner.
func (c column) Scan(v any) error {
	switch v := v.(type) {
	case string:
		if raw, ok := c.to.(*json.RawMessage); ok {
			*raw = json.RawMessage(v)
			return nil
		}
		return json.Unmarshal([]byte(v), c.to)
	case []byte:
		return json.Unmarshal(v, c.to)
	case nil:
		return nil
	}
	return fmt.Errorf("JSON in a %T", v)
}

// repeated scans a column that holds JSON and mostly the same as in other rows,
// such as the machine: equal text is decoded once and its value is shared.
type repeated[T any] struct {
	to   *T
	seen map[string]T
}

// Scan implements sql.Scanner.
func (r repeated[T]) Scan(v any) error {
	text, ok := v.(string)
	if !ok {
		return fmt.Errorf("JSON in a %T", v)
	}
	value, ok := r.seen[text]
	if !ok {
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			return err
		}
		r.seen[text] = value
	}
	*r.to = value
	return nil
}

// instant scans a column that holds a time.
type instant struct{ to *time.Time }

// Scan implements sql.Scanner.
func (i instant) Scan(v any) (err error) {
	s, ok := v.(string)
	if !ok && v != nil {
		return fmt.Errorf("time in a %T", v)
	}
	*i.to, err = parseTime(s)
	return err
}

// choices scans a column that holds choices as JSON. A list of runs has thousands of
// them, and what the ledger writes can mostly be cut instead of decoded.
type choices struct{ to *[]Choice }

// Scan implements sql.Scanner.
func (c choices) Scan(v any) error {
	text, ok := v.(string)
	if !ok {
		return fmt.Errorf("JSON in a %T", v)
	}
	if *c.to, ok = cutChoices(text); ok {
		return nil
	}
	return json.Unmarshal([]byte(text), c.to)
}

// cutChoices reads canonical JSON without escapes.
func cutChoices(text string) (out []Choice, ok bool) {
	if strings.Contains(text, `\`) {
		return nil, false
	}
	rest, ok := strings.CutPrefix(text, "[")
	for more := ok && rest != "]"; more; rest, more = strings.CutPrefix(rest, ",") {
		var c Choice
		if rest, ok = strings.CutPrefix(rest, `{"axis":"`); !ok {
			return nil, false
		}
		if c.Axis, rest, ok = strings.Cut(rest, `"`); !ok {
			return nil, false
		}
		if rest, ok = strings.CutPrefix(rest, `,"label":"`); !ok {
			return nil, false
		}
		if c.Label, rest, ok = strings.Cut(rest, `"`); !ok {
			return nil, false
		}
		if rest, ok = strings.CutPrefix(rest, "}"); !ok {
			return nil, false
		}
		out = append(out, c)
	}
	return out, rest == "]"
}

const hexDigits = "0123456789abcdef"

// shortest is the number of digits that are taken for the start of a digest.
const shortest = 4

// complete returns the one digest that starts with prefix. The query takes the
// bounds of a range and returns digests in order. The error wraps ErrTooShort,
// ErrNotFound, or is an *AmbiguousError.
func (l *Ledger) complete(ctx context.Context, thing, query, prefix string) (Digest, error) {
	if len(prefix) < shortest && strings.Trim(prefix, hexDigits) == "" {
		return "", fmt.Errorf("%s %q: %w: give at least %d digits", thing, prefix, ErrTooShort, shortest)
	}
	found := []Digest{}
	if isPrefix(prefix) {
		var err error
		found, err = collect(ctx, l, func(row *sql.Rows, d *Digest) error { return row.Scan(d) }, query, prefix, prefix+"g")
		if err != nil {
			return "", err
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("%s %s: %w", thing, prefix, ErrNotFound)
	case 1:
		return found[0], nil
	}
	for i, d := range found {
		found[i] = short(d)
	}
	return "", fmt.Errorf("%s %w", thing, &AmbiguousError{Ref: prefix, Candidates: found})
}

// short returns the digits of a digest that people are shown.
func short(d Digest) string { return d[:min(len(d), 12)] }

func isPrefix(s string) bool {
	if len(s) < shortest || len(s) > 64 {
		return false
	}
	return strings.Trim(s, hexDigits) == ""
}
