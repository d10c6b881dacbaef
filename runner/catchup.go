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
// elsewhere and copied back. It reads only attempts that have not ended.
func CatchUp(ctx context.Context, root Root, l *ledger.Ledger) error {
	runs, err := l.Runs(ctx, ledger.RunFilter{State: ledger.Interrupted})
	if err != nil {
		return err
	}
	for _, r := range runs {
		if err := catchUp(ctx, root, l, r.Key); err != nil {
			return err
		}
	}
	return nil
}

// catchUp is CatchUp for one run.
func catchUp(ctx context.Context, root Root, l *ledger.Ledger, key ledger.Digest) error {
	runs, err := l.Runs(ctx, ledger.RunFilter{Key: key})
	if err != nil {
		return err
	}
	for _, r := range runs {
		for _, a := range r.Attempts {
			if !a.Ended.IsZero() {
				continue
			}
			events, err := readJournal(root.journal(a.Dir))
			if err == nil && len(events) > a.LastSeq {
				err = l.Ingest(ctx, r.Key, a.Number, events)
			}
			if err != nil {
				return fmt.Errorf("attempt %d of run %.12s: %w", a.Number, r.Key, err)
			}
		}
	}
	return nil
}

// readJournal returns a journal's events; none if its worker never began.
func readJournal(path string) ([]journal.Event, error) {
	r, err := journal.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // read only
	return available(r)
}

// available returns the events that a journal has beyond those read before.
func available(r *journal.Reader) ([]journal.Event, error) {
	var out []journal.Event
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
}
