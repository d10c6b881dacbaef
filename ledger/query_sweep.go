package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
)

// SweepFilter selects sweeps; its zero value selects all.
type SweepFilter struct {
	ID     int64
	Name   string
	Newest bool // of each name, only the newest
	Limit  int  // 0 means no limit
}

// Sweeps returns sweeps, newest first, without their planned runs.
func (l *Ledger) Sweeps(ctx context.Context, f SweepFilter) ([]Sweep, error) {
	var w where
	if f.ID != 0 {
		w.add("id = ?", f.ID)
	}
	if f.Name != "" {
		w.add("name = ?", f.Name)
	}
	if f.Newest {
		w.add("id = (SELECT max(id) FROM sweeps n WHERE n.name = sweeps.name)")
	}
	query := "SELECT id, name, path, digest, sources, args, axes, data, settings, git, environment, time FROM sweeps" + w.sql() + " ORDER BY id DESC"
	if f.Limit > 0 {
		query += " LIMIT " + strconv.Itoa(f.Limit)
	}
	return collect(ctx, l, func(row *sql.Rows, s *Sweep) error {
		return row.Scan(&s.ID, &s.Name, &s.Path, &s.Digest, column{&s.Sources}, column{&s.Args}, column{&s.Axes}, column{&s.Data},
			column{&s.Settings}, column{&s.Git}, column{&s.Environment}, instant{&s.Time})
	}, query, w.args...)
}

// Sweep returns a sweep with its planned runs: the newest of a name, or the one
// with a numeric ID. The error wraps ErrNotFound if there is none.
func (l *Ledger) Sweep(ctx context.Context, ref string) (Sweep, error) {
	found, err := l.Sweeps(ctx, SweepFilter{Name: ref, Limit: 1})
	if err != nil {
		return Sweep{}, err
	}
	if id, parseErr := strconv.ParseInt(ref, 10, 64); len(found) == 0 && parseErr == nil && id > 0 {
		if found, err = l.Sweeps(ctx, SweepFilter{ID: id}); err != nil {
			return Sweep{}, err
		}
	}
	if len(found) == 0 || ref == "" {
		return Sweep{}, fmt.Errorf("sweep %s: %w", ref, ErrNotFound)
	}
	s := found[0]
	s.Planned, err = collect(ctx, l, func(row *sql.Rows, p *PlannedRun) error { return row.Scan(p.columns()...) },
		"SELECT "+plannedColumns+" FROM planned_runs p JOIN runs r ON r.id = p.run WHERE p.sweep = ? ORDER BY p.position", s.ID)
	return s, err
}

const plannedColumns = "r.key, p.kind, p.name, p.position, p.axes, p.spec, p.base, p.numerics, p.train_set, p.validation_set, p.test_set, p.against, p.evaluation, p.truncated"

// columns returns where plannedColumns are scanned to.
func (p *PlannedRun) columns() []any {
	return []any{
		&p.Key, &p.Kind, &p.Name, &p.Position,
		choices{&p.Axes},
		column{&p.Spec},
		&p.Base, &p.Numerics,
		&p.TrainSet, &p.ValidationSet, &p.TestSet, &p.Against, &p.Evaluation, &p.Truncated,
	}
}

// DataSpecs returns what the specs of planned runs say under data.source, each once.
func (l *Ledger) DataSpecs(ctx context.Context) ([]json.RawMessage, error) {
	return collect(ctx, l, func(row *sql.Rows, v *json.RawMessage) error { return row.Scan((*[]byte)(v)) },
		"SELECT DISTINCT p.spec ->> '$.data.source' FROM planned_runs p WHERE p.spec ->> '$.data.source' IS NOT NULL")
}
