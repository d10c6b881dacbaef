package ledger

import (
	"context"
	"fmt"
	"time"
)

// RecordSweep adds the fact that a sweep was planned in order to be run, and
// returns its ID. If the newest sweep of that name says the same, apart from
// the time, nothing is added and that one's ID is returned: running a file again
// leaves no trace. The given ID is ignored; a zero Time is the ledger's.
func (l *Ledger) RecordSweep(ctx context.Context, s Sweep) (id int64, err error) {
	if err := s.check(); err != nil {
		return 0, fmt.Errorf("ledger: %w", err)
	}
	err = l.update(ctx, func(ctx context.Context, t *transaction) error {
		identity, err := s.identity()
		if err != nil {
			return fmt.Errorf("sweep %s: %w", s.Name, err)
		}
		var same bool
		found, err := none(t.row(ctx, "SELECT id, identity = ? FROM sweeps WHERE name = ? ORDER BY id DESC LIMIT 1", identity, s.Name).Scan(&id, &same))
		if err != nil || found && same {
			return err
		}
		if s.Time.IsZero() {
			s.Time = t.time
		}
		s.Time = s.Time.UTC()
		if err := t.row(ctx, "SELECT coalesce(max(id), 0) + 1 FROM sweeps").Scan(&s.ID); err != nil {
			return err
		}
		id = s.ID
		return t.append(ctx, typeSweep, s)
	})
	return id, err
}

// identity digests what makes one planning of a sweep differ from another.
func (s Sweep) identity() (Digest, error) {
	s.ID, s.Time = 0, time.Time{}
	return identityOf(s)
}

func (s Sweep) check() error {
	thing := "sweep " + s.Name
	if s.Name == "" {
		return invalid("sweep", "it has no name")
	}
	if err := digests(thing, "digest", s.Digest); err != nil {
		return err
	}
	for _, source := range s.Sources {
		if err := digests(thing, "digest of "+source.Path, source.Digest); err != nil {
			return err
		}
	}
	taken := map[int]bool{}
	for _, p := range s.Planned {
		if p.Kind != Train && p.Kind != Evaluate {
			return invalid(thing, "run %d: kind is %q", p.Position, p.Kind)
		}
		if taken[p.Position] {
			return invalid(thing, "two runs at position %d", p.Position)
		}
		taken[p.Position] = true
		if err := digests(fmt.Sprintf("%s: run %d", thing, p.Position), "key", p.Key, "base", p.Base, "train set?", p.TrainSet,
			"validation set?", p.ValidationSet, "test set?", p.TestSet, "against?", p.Against, "evaluation?", p.Evaluation); err != nil {
			return err
		}
	}
	return nil
}

func projectSweep(ctx context.Context, t *transaction, e entry, s Sweep) error {
	identity, err := s.identity()
	if err != nil {
		return err
	}
	columns, err := jsonColumns(s.Sources, s.Args, s.Axes, s.Data, s.Settings, s.Git, s.Environment)
	if err != nil {
		return err
	}
	args := append([]any{s.ID, s.Name, s.Path, s.Digest}, columns...)
	args = append(args, len(s.Planned), identity, formatTime(s.Time), e.Seq)
	if err := t.exec(ctx, `INSERT INTO sweeps (id, name, path, digest, sources, args, axes, data, settings, git, environment, planned, identity, time, entry)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, args...); err != nil {
		return err
	}
	for _, p := range s.Planned {
		run, err := t.runID(ctx, p.Key, p.Kind)
		if err != nil {
			return err
		}
		if err := t.exec(ctx, "UPDATE runs SET sweep = ?, position = ? WHERE id = ?", s.ID, p.Position, run); err != nil {
			return err
		}
		columns, err := jsonColumns(p.Axes, p.Spec)
		if err != nil {
			return err
		}
		if err := t.exec(ctx, `INSERT INTO planned_runs (sweep, position, run, kind, name, axes, spec, base, numerics,
			train_set, validation_set, test_set, against, evaluation, truncated)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			s.ID, p.Position, run, string(p.Kind), p.Name, columns[0], columns[1], p.Base, p.Numerics,
			p.TrainSet, p.ValidationSet, p.TestSet, p.Against, p.Evaluation, p.Truncated); err != nil {
			return err
		}
	}
	return nil
}

// runID returns a run's row, which is made if there is none.
func (t *transaction) runID(ctx context.Context, key Digest, kind Kind) (int64, error) {
	var id int64
	found, err := none(t.row(ctx, "SELECT id FROM runs WHERE key = ?", key).Scan(&id))
	if err != nil || found {
		return id, err
	}
	err = t.row(ctx, "INSERT INTO runs (key, kind, outcome) VALUES (?, ?, ?) RETURNING id", key, string(kind), string(New)).Scan(&id)
	return id, err
}

// jsonColumns encodes values for columns that hold JSON; a missing raw message
// becomes null.
func jsonColumns(values ...any) ([]any, error) {
	out := make([]any, len(values))
	for i, v := range values {
		data, err := encodeBody(v)
		if err != nil {
			return nil, err
		}
		out[i] = string(data)
	}
	return out, nil
}
