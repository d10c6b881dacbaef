package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// transaction is one write to the ledger. It caches prepared statements by
// their text.
type transaction struct {
	*sql.Tx
	ledger     *Ledger
	time       time.Time
	last       int64 // seq of the newest entry
	before     int64 // what last was when the transaction began
	authorized authority
	tree       *tree
	attempt    *attemptProjection // that the last event was of
	stmts      map[string]*sql.Stmt
	sums       *rowSums // if set, rows of appended tables are counted here, and not written
}

// update runs f in a transaction that has the only write lock from its start.
// If ctx ends meanwhile, the transaction has no effect.
func (l *Ledger) update(ctx context.Context, f func(ctx context.Context, t *transaction) error) error {
	if l.write == nil {
		return fmt.Errorf("ledger: %s: %w: it was opened for queries", l.path, ErrReadOnly)
	}
	tx, err := l.write.BeginTx(ctx, nil)
	if err != nil {
		return l.explain(err)
	}
	defer func() { _ = tx.Rollback() }() // no effect after a commit
	t := newTransaction(tx, l)
	// The driver would start a goroutine for each statement whose context can
	// end. Statements take microseconds; the transaction as a whole can end.
	whole := context.WithoutCancel(ctx)
	err = t.begin(whole)
	if err == nil {
		err = f(whole, t)
	}
	var head signedHead
	if err == nil {
		head, err = t.sign(whole)
	}
	if err == nil {
		err = tx.Commit()
	}
	if ended := ctx.Err(); err != nil && ended != nil {
		return fmt.Errorf("ledger: %w", ended)
	}
	if err != nil {
		return l.explain(err)
	}
	return l.committed(head)
}

func newTransaction(tx *sql.Tx, l *Ledger) *transaction {
	t := &transaction{Tx: tx, ledger: l, time: l.now().UTC(), stmts: map[string]*sql.Stmt{}}
	t.tree = &tree{query: t, fresh: map[int64]tlog.Hash{}}
	return t
}

func (t *transaction) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if s, ok := t.stmts[query]; ok {
		return s, nil
	}
	s, err := t.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	t.stmts[query] = s
	return s, nil
}

func (t *transaction) exec(ctx context.Context, query string, args ...any) error {
	s, err := t.stmt(ctx, query) //nolint:sqlclosecheck // it is closed with the transaction
	if err != nil {
		return err
	}
	_, err = s.ExecContext(ctx, args...)
	return err
}

func (t *transaction) row(ctx context.Context, query string, args ...any) *sql.Row {
	s, err := t.stmt(ctx, query) //nolint:sqlclosecheck // it is closed with the transaction
	if err != nil {
		return t.QueryRowContext(ctx, query, args...) // reports the same error
	}
	return s.QueryRowContext(ctx, args...)
}
