package ledger

import (
	"context"
	"fmt"

	"daybook/ledger/evidence"
)

// projected are the query tables, in an order in which they can be emptied.
var projected = []string{
	"signers", "anchors", "origins", "signoffs", "bases", "memberships", "forgotten_sets", "forgotten_lists",
	"reproductions", "aliases", "adapters", "scores", "metric_values", "evaluations", "epochs", "steps", "journal_lines",
	"attempts", "planned_runs", "runs", "sweeps", "sets", "datasets",
}

// Rebuild empties the query tables and makes them again from the history, in
// one transaction. It changes nothing that a query returns, unless somebody
// changed the tables behind the ledger's back.
func (l *Ledger) Rebuild(ctx context.Context) error {
	return l.update(ctx, func(ctx context.Context, t *transaction) error { return t.rebuild(ctx) })
}

func (t *transaction) rebuild(ctx context.Context) error {
	if err := t.clear(ctx); err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	for seq := int64(1); seq <= t.last; seq++ {
		e := entry{Entry: evidence.Entry{Seq: seq}}
		err := t.row(ctx, "SELECT time, type, version, body FROM entries WHERE seq = ?", seq).Scan(&e.Entry.Time, &e.Type, &e.Version, (*[]byte)(&e.Body))
		if err != nil {
			return fmt.Errorf("rebuild: entry %d: %w", seq, err)
		}
		if e.Time, err = parseTime(e.Entry.Time); err != nil {
			return fmt.Errorf("rebuild: entry %d: %w", seq, err)
		}
		if err := t.project(ctx, e.read()); err != nil {
			return fmt.Errorf("rebuild: %w", err)
		}
	}
	return nil
}

// clear empties the query tables.
func (t *transaction) clear(ctx context.Context) error {
	for _, table := range projected {
		if _, err := t.ExecContext(ctx, "DELETE FROM "+table); err != nil {
			return fmt.Errorf("%s: %w", table, err)
		}
	}
	t.attempt = nil
	return nil
}
