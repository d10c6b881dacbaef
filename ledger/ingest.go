package ledger

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"daybook/ledger/journal"
)

// eventsFact is what the history keeps of an attempt's journal: one event, or
// consecutive steps. An event's line is its Seq, Time, Type, Version, Body and the
// digest of the line before; only the record IDs of an evaluation are taken out
// and replaced by a digest, so that they can be deleted from the index.
type eventsFact struct {
	Run     Digest      `json:"run"`
	Attempt int         `json:"attempt"`
	Prev    string      `json:"prev"` // digest of the line before the first
	Events  []eventFact `json:"events"`
}

type eventFact struct {
	Seq     int             `json:"seq"`
	Digest  Digest          `json:"digest"` // of the line
	Time    time.Time       `json:"time"`
	Type    string          `json:"type"`
	Version int             `json:"version"`
	Body    json.RawMessage `json:"body"`
}

// Ingest adds events of an attempt's journal, in the order of the journal. Events
// that are there already are skipped, so a journal may be delivered again, in
// whole or in part. Either all new events are added or none. The error wraps
// ErrNotFound if the attempt was not begun, ErrGap if events before the first are
// missing, ErrConflict if the ledger has another event with the same sequence
// number or the attempt has ended, journal.ErrChain if an event doesn't follow
// from the one before, journal.ErrUnknown for events of a newer build.
func (l *Ledger) Ingest(ctx context.Context, run Digest, attempt int, events []journal.Event) error {
	if len(events) == 0 {
		return nil
	}
	return l.update(ctx, func(ctx context.Context, t *transaction) error {
		if err := t.ingest(ctx, run, attempt, events); err != nil {
			return fmt.Errorf("run %.12s: attempt %d: %w", run, attempt, err)
		}
		return nil
	})
}

func (t *transaction) ingest(ctx context.Context, run Digest, attempt int, events []journal.Event) error {
	var row int64
	var last int
	var prev, outcome string
	found, err := none(t.row(ctx, "SELECT a.id, a.last_seq, a.last_digest, a.outcome FROM attempts a JOIN runs r ON r.id = a.run WHERE r.key = ? AND a.number = ?",
		run, attempt).Scan(&row, &last, &prev, &outcome))
	if err != nil {
		return err
	}
	if !found {
		return ErrNotFound
	}
	fact := eventsFact{Run: run, Attempt: attempt, Prev: prev}
	flush := func() error {
		if len(fact.Events) == 0 {
			return nil
		}
		err := t.appendEvents(ctx, fact)
		fact.Prev, fact.Events = prev, nil
		return err
	}
	for _, e := range events {
		digest, err := e.Digest()
		if err != nil {
			return err
		}
		switch {
		case e.Seq <= last:
			if err := t.sameLine(ctx, row, e.Seq, digest); err != nil {
				return err
			}
			continue
		case e.Seq > last+1:
			return fmt.Errorf("%w: event %d follows event %d", ErrGap, e.Seq, last)
		case e.Prev != prev:
			return fmt.Errorf("event %d: %w", e.Seq, journal.ErrChain)
		case outcome != outcomeStarted:
			return fmt.Errorf("event %d: %w: the attempt is %s", e.Seq, ErrConflict, outcome)
		}
		f := eventFact{Seq: e.Seq, Digest: digest, Time: e.Time.UTC(), Type: e.Type, Version: e.Version, Body: e.Body}
		if e.Type == evaluatedType {
			if f.Body, err = t.withoutIDs(ctx, e); err != nil {
				return err
			}
		}
		if e.Type != stepType || len(fact.Events) >= maxSteps {
			if err := flush(); err != nil {
				return err
			}
		}
		fact.Events = append(fact.Events, f)
		last, prev = e.Seq, digest
		if e.Type != stepType {
			if err := flush(); err != nil {
				return err
			}
		}
		if ends := outcomeOf(e.Type); ends != "" {
			outcome = ends
		}
	}
	return flush()
}

// appendEvents adds one event, or consecutive steps.
func (t *transaction) appendEvents(ctx context.Context, f eventsFact) error {
	if f.Events[0].Type != stepType {
		return t.append(ctx, f.Events[0].Type, f)
	}
	if columns, ok := f.columns(); ok {
		return t.append(ctx, typeSteps, columns)
	}
	return t.appendVersion(ctx, typeSteps, 1, f)
}

const (
	outcomeStarted = "started"
	maxSteps       = 1000 // in an entry; about 80 kB
)

var (
	stepType      = journal.Step{}.EventType()
	evaluatedType = journal.Evaluated{}.EventType()
)

// outcomeOf returns what an event ends its attempt as, "" if it doesn't.
func outcomeOf(event string) string {
	switch event {
	case journal.Finished{}.EventType(), journal.Failed{}.EventType(), journal.Interrupted{}.EventType():
		return event
	}
	return ""
}

// sameLine checks that a line that is there already has the same bytes.
func (t *transaction) sameLine(ctx context.Context, attempt int64, seq int, digest Digest) error {
	var known []byte
	if err := t.row(ctx, "SELECT digest FROM journal_lines WHERE attempt = ? AND seq = ?", attempt, seq).Scan(&known); err != nil {
		return err
	}
	if hex.EncodeToString(known) != digest {
		return fmt.Errorf("event %d: %w: the line there has digest %x, this one %.12s", seq, ErrConflict, known[:6], digest)
	}
	return nil
}
