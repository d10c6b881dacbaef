package ledger

import (
	"context"
	"database/sql"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"daybook/ledger/evidence"
)

// Prove returns an entry and the proof that it is in the log of the newest head.
// The error wraps ErrNotFound if there is no such entry under it.
func (l *Ledger) Prove(ctx context.Context, seq int64) (evidence.Entry, evidence.Proof, error) {
	e, p, err := l.prove(ctx, seq)
	if err != nil {
		return e, p, l.explain(fmt.Errorf("entry %d: %w", seq, err))
	}
	return e, p, nil
}

func (l *Ledger) prove(ctx context.Context, seq int64) (e evidence.Entry, p evidence.Proof, err error) {
	tx, err := l.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // one state of the log
	if err != nil {
		return e, p, err
	}
	defer func() { _ = tx.Rollback() }() // it has changed nothing
	t := newTransaction(tx, l)
	var size int64
	var signed string
	found, err := none(t.row(ctx, "SELECT size, note FROM head").Scan(&size, &signed))
	if err != nil {
		return e, p, err
	}
	if !found || seq < 1 || seq > size {
		return e, p, ErrNotFound
	}
	e.Seq = seq
	if err := t.row(ctx, "SELECT time, type, version, body FROM entries WHERE seq = ?", seq).Scan(&e.Time, &e.Type, &e.Version, (*[]byte)(&e.Body)); err != nil {
		return e, p, err
	}
	hashes, err := tlog.ProveRecord(size, seq-1, t.tree.reader(ctx))
	return e, evidence.Proof{Index: seq - 1, Hashes: hashes, Head: []byte(signed)}, err
}
