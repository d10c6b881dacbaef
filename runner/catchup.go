package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"daybook/ledger"
	"daybook/ledger/journal"
)

// CatchUp ingests what journals hold and the ledger does not: events that a
// killed runner did not get to, or an attempt's folder that was worked on
// elsewhere and copied back. It reads only attempts that have not ended and that
// nobody has leased. A journal that is damaged is read as far as it is sound; damaged
// says where each is.
func CatchUp(ctx context.Context, root Root, l *ledger.Ledger) (damaged []error, err error) {
	open, err := l.OpenAttempts(ctx, "")
	if err != nil {
		return nil, err
	}
	keys := make([]ledger.Digest, len(open))
	for i, a := range open {
		keys[i] = a.Run
	}
	states, err := l.States(ctx, keys)
	if err != nil {
		return nil, err
	}
	for _, a := range open {
		if states[a.Run].Holder != "" {
			continue
		}
		damage, err := catchUp(ctx, root, l, a)
		if err != nil {
			return damaged, err
		}
		if damage != nil {
			damaged = append(damaged, damage)
		}
	}
	return damaged, nil
}

// catchUp is CatchUp for one attempt. Damage concerns this attempt alone; err is
// about the ledger.
func catchUp(ctx context.Context, root Root, l *ledger.Ledger, a ledger.AttemptInfo) (damage, err error) {
	events, damage := readJournal(root.journal(a.Dir))
	if len(events) > a.LastSeq {
		err = l.Ingest(ctx, a.Run, a.Number, events)
		if refused(err) {
			damage, err = err, nil
		}
	}
	if damage != nil {
		damage = fmt.Errorf("attempt %d of run %.12s: %w", a.Number, a.Run, damage)
	}
	return damage, err
}

// refused reports that the ledger wants nothing of a journal, as opposed to not
// being able to take it.
func refused(err error) bool {
	for _, reason := range []error{ledger.ErrConflict, ledger.ErrGap, ledger.ErrInvalid, journal.ErrChain, journal.ErrUnknown} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return false
}

// readJournal returns a journal's events up to the first that can't be read, and
// why it can't; none if its worker never began.
func readJournal(path string) ([]journal.Event, error) {
	r, err := journal.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // read only
	events, err := available(r)
	for i, e := range events {
		if _, err := journal.Decode(e); err != nil {
			return events[:i], fmt.Errorf("journal: %s: %w", path, err)
		}
	}
	return events, err
}

// available returns the events that a journal has beyond those read before, up to
// the first that is damaged, and the damage.
func available(r *journal.Reader) ([]journal.Event, error) {
	var out []journal.Event
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out = append(out, e)
	}
}
