package worker

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"daybook/ledger/journal"
	"daybook/runner"
)

// replayed holds the losses of the steps that an interrupted attempt took after
// its last checkpoint. The attempt that resumes there repeats them, and
// unless it repeats them exactly its adapter is not the one that an
// uninterrupted attempt would have given.
type replayed map[int]float64

// readReplayed reads the journal of the attempt that r resumes, as far as it
// is sound: what is damaged disproves nothing.
func readReplayed(root runner.Root, r *runner.Resume) (_ replayed, err error) {
	reader, err := journal.Open(filepath.Join(root.Abs(r.Attempt), runner.JournalFile))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	losses := replayed{}
	for {
		event, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return losses, nil
		}
		if err != nil {
			return losses, nil //nolint:nilerr // the runner has told of the damage
		}
		body, err := journal.Decode(event)
		if err != nil {
			return losses, nil //nolint:nilerr // likewise
		}
		if s, ok := body.(journal.Step); ok && s.Step > r.Step {
			losses[s.Step] = s.Loss
		}
	}
}

// check compares a step with the same step of the interrupted attempt.
func (r replayed) check(step int, loss float64) error {
	before, ok := r[step]
	if !ok || before == loss {
		return nil
	}
	return runner.WithHint(
		fmt.Errorf("resume: step %d has the loss %v, and had %v in the attempt that was interrupted: this machine doesn't repeat itself", step, loss, before),
		"train the run from the beginning with --again; if that differs too, suspect memory or an overclocked processor",
	)
}
