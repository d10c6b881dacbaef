package runner

import (
	"context"
	"errors"
	"fmt"
	"os"

	"daybook/ledger"
	"daybook/ledger/journal"
)

// follower reads one attempt's journal into the ledger.
type follower struct {
	*execution
	item    *Item
	attempt int
	path    string
	reader  *journal.Reader
	last    journal.Body
}

func (f *follower) ingest(ctx context.Context) error {
	if f.reader == nil {
		reader, err := journal.Open(f.path)
		if errors.Is(err, os.ErrNotExist) {
			return nil // the worker has not begun
		}
		if err != nil {
			return err
		}
		f.reader = reader
	}
	events, err := available(f.reader)
	if err != nil {
		return err
	}
	if len(events) == 0 {
		return nil
	}
	if err := f.Ledger.Ingest(ctx, f.item.Job.Key, f.attempt, events); err != nil {
		return err
	}
	for _, event := range events {
		body, err := journal.Decode(event)
		if err != nil {
			return err
		}
		f.last = body
		f.tell(func() { f.Progress.Event(f.item, body) })
	}
	return nil
}

func (f *follower) close() {
	if f.reader != nil {
		_ = f.reader.Close() // read only
	}
}

// settle counts and announces how an attempt ended.
func (e *execution) settle(f *follower, died error) {
	state, why, advice := ledger.Resumable, "", ""
	switch end := f.last.(type) {
	case journal.Finished:
		state = ledger.Done
	case journal.Failed:
		state, why, advice = ledger.Failed, end.Error, end.Hint
	case journal.Interrupted:
		why = fmt.Sprintf("stopped after step %d", end.Step)
	default: // the worker died without a word
		state, why = ledger.Failed, "the worker stopped without saying why"
		if died != nil {
			why, advice = died.Error(), HintOf(died)
		}
	}
	e.tell(func() {
		switch state {
		case ledger.Done:
			e.outcome.Finished++
		case ledger.Failed:
			e.outcome.Failed = append(e.outcome.Failed, Failure{f.item, why, advice})
		case ledger.Resumable, ledger.New, ledger.Running:
			e.outcome.Interrupted = append(e.outcome.Interrupted, f.item)
		}
		e.Progress.End(f.item, state, why)
	})
}
