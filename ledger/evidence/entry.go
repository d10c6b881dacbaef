package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// ErrForm is wrapped by errors about bytes that are not in the one form that
// Daybook writes.
var ErrForm = errors.New("not in the form that is written")

// Entry is one fact of a log.
type Entry struct {
	Seq     int64           `json:"seq"`     // from 1: one more than its index in the Merkle tree
	Time    string          `json:"time"`    // RFC 3339 in UTC, as claimed by the machine that wrote it
	Type    string          `json:"type"`    // lower-case letters and "_"
	Version int             `json:"version"` // of the body's schema, from 1
	Body    json.RawMessage `json:"body"`    // canonical JSON
}

// Leaf returns the bytes that the log commits to: canonical JSON of the entry, if
// its body is canonical. No two entries that Check accepts have the same.
func (e Entry) Leaf() []byte {
	b := make([]byte, 0, len(e.Body)+128)
	b = append(b, `{"body":`...)
	b = append(b, e.Body...)
	b = append(b, `,"seq":`...)
	b = strconv.AppendInt(b, e.Seq, 10)
	b = append(b, `,"time":"`...)
	b = append(b, e.Time...)
	b = append(b, `","type":"`...)
	b = append(b, e.Type...)
	b = append(b, `","version":`...)
	b = strconv.AppendInt(b, int64(e.Version), 10)
	return append(b, '}')
}

// Hash returns the entry's leaf hash (RFC 6962, section 2.1).
func (e Entry) Hash() tlog.Hash { return tlog.RecordHash(e.Leaf()) }

// Check refuses an entry whose fields could be told apart in another way from the
// same leaf. It doesn't read the body.
func (e Entry) Check() error {
	if e.Seq < 1 || e.Version < 1 {
		return fmt.Errorf("entry %d: %w: number and version start at 1", e.Seq, ErrForm)
	}
	if at, err := time.Parse(time.RFC3339Nano, e.Time); err != nil || at.UTC().Format(time.RFC3339Nano) != e.Time {
		return fmt.Errorf("entry %d: %w: time is %q", e.Seq, ErrForm, e.Time)
	}
	if e.Type == "" || len(e.Type) > 64 {
		return fmt.Errorf("entry %d: %w: type has %d letters", e.Seq, ErrForm, len(e.Type))
	}
	for _, c := range []byte(e.Type) {
		if c != '_' && (c < 'a' || c > 'z') {
			return fmt.Errorf("entry %d: %w: type is %q", e.Seq, ErrForm, e.Type)
		}
	}
	return nil
}

// ParseEntry is the inverse of Leaf. The error wraps ErrForm if the line is
// anything but the leaf of an entry.
func ParseEntry(leaf []byte) (Entry, error) {
	var e Entry
	d := json.NewDecoder(bytes.NewReader(leaf))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return Entry{}, fmt.Errorf("entry: %w: %w", ErrForm, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Entry{}, fmt.Errorf("entry %d: %w: more than one value", e.Seq, ErrForm)
	}
	if err := e.Check(); err != nil {
		return Entry{}, err
	}
	if body, err := Canonicalize(e.Body); err != nil || !bytes.Equal(body, e.Body) || !bytes.Equal(leaf, e.Leaf()) {
		return Entry{}, fmt.Errorf("entry %d: %w", e.Seq, ErrForm)
	}
	return e, nil
}
