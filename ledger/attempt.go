package ledger

import (
	"context"
	"fmt"
	"strings"
)

// BeginAttempt adds the fact that a run is about to be executed, once more if it
// was before, and returns the attempt's number. The given Number is ignored; Dir
// is a.Place(number) if a.Place is set. An attempt of kind Evaluate at a training
// run re-evaluates its adapter and never becomes its result. Call it with the
// run's lease.
func (l *Ledger) BeginAttempt(ctx context.Context, a Attempt) (number int, err error) {
	thing := fmt.Sprintf("attempt at %.12s", a.Run)
	if err := digests(thing, "run", a.Run); err != nil {
		return 0, fmt.Errorf("ledger: %w", err)
	}
	if a.Kind != Train && a.Kind != Evaluate {
		return 0, fmt.Errorf("ledger: %w", invalid(thing, "kind is %q", a.Kind))
	}
	err = l.update(ctx, func(ctx context.Context, t *transaction) error {
		var last int
		if _, err := none(t.row(ctx, "SELECT attempts FROM runs WHERE key = ?", a.Run).Scan(&last)); err != nil {
			return err
		}
		a.Number = last + 1
		if a.Place != nil {
			a.Dir = a.Place(a.Number)
		}
		if strings.HasPrefix(a.Dir, "/") {
			return invalid(thing, "dir %s is not relative to the root", a.Dir)
		}
		number = a.Number
		return t.append(ctx, typeAttempt, a)
	})
	return number, err
}

func projectAttempt(ctx context.Context, t *transaction, e entry, a Attempt) error {
	run, err := t.runID(ctx, a.Run, a.Kind)
	if err != nil {
		return err
	}
	columns, err := jsonColumns(a.Git, a.Environment)
	if err != nil {
		return err
	}
	if err := t.exec(ctx, `INSERT INTO attempts (run, number, kind, sweep, dir, worker, git, environment, unauthenticated, begun, entry)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		run, a.Number, string(a.Kind), a.Sweep, a.Dir, a.Worker, columns[0], columns[1], a.Unauthenticated, formatTime(e.Time), e.Seq); err != nil {
		return err
	}
	return t.exec(ctx, "UPDATE runs SET attempts = ?, outcome = iif(outcome = 'finished', outcome, 'started') WHERE id = ?", a.Number, run)
}
