package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"daybook/ledger/internal/hexdigest"
)

// ErrChain is wrapped by errors about lines that don't follow from the line
// before: dropped, doubled, reordered or edited ones.
var ErrChain = errors.New("journal was edited or lines are missing")

// Line returns the event as it stands in a file, without the newline. There is
// exactly one line for an event and one event for a line, so the digest of one
// identifies the other.
func (e Event) Line() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	b := make([]byte, 0, len(e.Body)+192)
	b = append(b, `{"seq":`...)
	b = strconv.AppendInt(b, int64(e.Seq), 10)
	b = append(b, `,"prev":"`...)
	b = append(b, e.Prev...)
	b = append(b, `","time":"`...)
	b = e.Time.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","type":"`...)
	b = append(b, e.Type...)
	b = append(b, `","version":`...)
	b = strconv.AppendInt(b, int64(e.Version), 10)
	b = append(b, `,"body":`...)
	b = append(b, e.Body...)
	return append(b, '}'), nil
}

// Digest returns the hex SHA-256 of the event's line, which the next event has
// as its Prev.
func (e Event) Digest() (string, error) {
	line, err := e.Line()
	if err != nil {
		return "", err
	}
	return digest(line), nil
}

func digest(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

// check refuses events that have no line of their own.
func (e Event) check() error {
	if e.Seq < 1 || e.Version < 1 {
		return fmt.Errorf("event %d: sequence number and version start at 1", e.Seq)
	}
	if (e.Seq == 1) != (e.Prev == "") || e.Prev != "" && !hexdigest.Valid(e.Prev) {
		return fmt.Errorf("event %d: %w: prev is %q", e.Seq, ErrChain, e.Prev)
	}
	if year := e.Time.UTC().Year(); year < 0 || year > 9999 {
		return fmt.Errorf("event %d: year %d can't be written", e.Seq, year)
	}
	if e.Type == "" || len(e.Type) > 64 {
		return fmt.Errorf("event %d: type has %d letters", e.Seq, len(e.Type))
	}
	for _, c := range e.Type {
		if c != '_' && (c < 'a' || c > 'z') {
			return fmt.Errorf("event %d: type %q: want lower-case letters", e.Seq, e.Type)
		}
	}
	if bytes.IndexByte(e.Body, '\n') >= 0 || !utf8.Valid(e.Body) || !json.Valid(e.Body) {
		return fmt.Errorf("event %d: %s: body is not JSON on one line", e.Seq, e.Type)
	}
	return nil
}

// parse is the inverse of Event.Line.
func parse(line []byte) (Event, error) {
	var e Event
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("not a JSON object")
		}
		return Event{}, err
	}
	e.Time = e.Time.UTC()
	again, err := e.Line()
	if err != nil {
		return Event{}, err
	}
	if !bytes.Equal(line, again) {
		return Event{}, fmt.Errorf("event %d: %w: the line is not in the form that is written", e.Seq, ErrChain)
	}
	return e, nil
}
