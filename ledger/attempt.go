package ledger

import (
	"context"
	"encoding/hex"
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

// AttemptWith returns the number of a run's attempt whose journal begins with the line
// of a digest, and how many lines of it are here; both are 0 if there is none.
func (l *Ledger) AttemptWith(ctx context.Context, run, first Digest) (number, lines int, err error) {
	sum, err := hex.DecodeString(first)
	if err != nil {
		return 0, 0, fmt.Errorf("ledger: %w", err)
	}
	_, err = none(l.read.QueryRowContext(ctx, `SELECT a.number, a.last_seq FROM attempts a JOIN runs r ON r.id = a.run JOIN journal_lines j ON j.attempt = a.id
		WHERE r.key = ? AND j.seq = 1 AND j.digest = ?`, run, sum).Scan(&number, &lines))
	return number, lines, l.explain(err)
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
