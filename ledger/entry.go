package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"daybook/ledger/evidence"
	"daybook/ledger/internal/hexdigest"
)

// entry is one fact in the history.
type entry struct {
	evidence.Entry
	Time time.Time // parsed
}

// Types of entry that the ledger writes itself. A journal's events become
// entries of their own types; consecutive steps share one.
const (
	typeSweep    = "sweep"
	typeDataset  = "dataset"
	typeSet      = "set"
	typeAttempt  = "attempt"
	typeSteps    = "steps"
	typeRescored = "rescored"
	typeAdapter  = "adapter"
	typeAlias    = "alias"
)

// begin learns where the history ends.
func (t *transaction) begin(ctx context.Context) error {
	err := t.row(ctx, "SELECT coalesce(max(seq), 0) FROM entries").Scan(&t.last)
	t.before = t.last
	return err
}

// append adds a fact to the history and to the tables that follow from it. The
// first one of a log comes after the entry that says who signs it.
func (t *transaction) append(ctx context.Context, kind string, body any) error {
	return t.appendVersion(ctx, kind, versions[kind], body)
}

// appendVersion is append for a body in an earlier version of its schema.
func (t *transaction) appendVersion(ctx context.Context, kind string, version int, body any) error {
	data, err := evidence.Canonical(body)
	if err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	if t.last == t.before {
		if err := t.admit(ctx); err != nil {
			return err
		}
	}
	return t.add(ctx, kind, version, data)
}

// add is append for a body in canonical form.
func (t *transaction) add(ctx context.Context, kind string, version int, body []byte) error {
	e := entry{Time: t.time, Entry: evidence.Entry{Seq: t.last + 1, Time: formatTime(t.time), Type: kind, Version: version, Body: body}}
	if err := t.exec(ctx, "INSERT INTO entries (seq, time, type, version, body) VALUES (?, ?, ?, ?, ?)",
		e.Seq, e.Entry.Time, e.Type, e.Version, string(e.Body)); err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	if err := t.addLeaf(ctx, e.Seq-1, e.Hash()); err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	t.last++
	return t.project(ctx, e.read())
}

// encodeBody returns compact JSON for a column of a query table. Raw messages in
// it keep their bytes, apart from white space.
func encodeBody(body any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(body); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// identityOf returns the digest of a value's canonical JSON.
func identityOf(v any) (Digest, error) {
	data, err := evidence.Canonical(v)
	if err != nil {
		return "", err
	}
	return digestOf(data), nil
}

func digestOf(data []byte) Digest {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// parseTime is the inverse of formatTime; "" is the zero time.
func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339Nano, s)
}

// digests checks pairs of a name and a digest. A name that ends in "?" may have
// an empty one.
func digests(thing string, pairs ...string) error {
	for i := 0; i+1 < len(pairs); i += 2 {
		name, value := pairs[i], pairs[i+1]
		if n := len(name) - 1; name[n] == '?' {
			if value == "" {
				continue
			}
			name = name[:n]
		}
		if !hexdigest.Valid(value) {
			return invalid(thing, "%s is %q, want 64 hex digits", name, value)
		}
	}
	return nil
}

// none turns the driver's "no rows" into false.
func none(err error) (found bool, _ error) {
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}
