package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

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
	err = l.proveEach(ctx, []int64{seq}, func(entry evidence.Entry, proof evidence.Proof) error {
		e, p = entry, proof
		return nil
	})
	return e, p, err
}

// proveEach calls f with entries and the proofs that they are in the log of one head.
func (l *Ledger) proveEach(ctx context.Context, seqs []int64, f func(evidence.Entry, evidence.Proof) error) error {
	tx, err := l.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // one state of the log
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it has changed nothing
	t := newTransaction(tx, l)
	var size int64
	var signed string
	found, err := none(t.row(ctx, "SELECT size, note FROM head").Scan(&size, &signed))
	if err != nil {
		return err
	}
	for _, seq := range seqs {
		if !found || seq < 1 || seq > size {
			return ErrNotFound
		}
		e := evidence.Entry{Seq: seq}
		if err := t.row(ctx, "SELECT time, type, version, body FROM entries WHERE seq = ?", seq).Scan(&e.Time, &e.Type, &e.Version, (*[]byte)(&e.Body)); err != nil {
			return err
		}
		hashes, err := tlog.ProveRecord(size, seq-1, t.tree.reader(ctx))
		if err != nil {
			return err
		}
		if err := f(e, evidence.Proof{Index: seq - 1, Hashes: hashes, Head: []byte(signed)}); err != nil {
			return err
		}
	}
	return nil
}

// Entries returns the numbers of the entries that a trace cites, of those that say who
// signs the log, and of what the journals of its attempts said, in order. With them
// somebody who has the key can check the trace.
func (l *Ledger) Entries(ctx context.Context, t *Trace) ([]int64, error) {
	seqs := []int64{t.Adapter.Entry, t.Sweep.Entry}
	if t.Base != nil {
		seqs = append(seqs, t.Base.Entry)
	}
	for _, c := range t.Datasets {
		seqs = append(seqs, c.Entry)
	}
	for _, c := range t.Sets {
		seqs = append(seqs, c.Entry)
	}
	for _, c := range t.Measured {
		seqs = append(seqs, c.Entry)
	}
	for _, a := range t.Attempts {
		journal, err := l.numbers(ctx, "json_extract(body, '$.run') = ? AND json_extract(body, '$.attempt') = ? AND type IN (?, ?, ?, ?, ?)",
			t.Run.Key, a.Fact.Number, "started", typeSteps, "epoch", "finished", "interrupted")
		if err != nil {
			return nil, fmt.Errorf("entries of %s: %w", t.Adapter.Fact.Name(), err)
		}
		seqs = append(append(seqs, a.Entry), journal...)
	}
	signers, err := l.numbers(ctx, "type IN (?, ?)", typeOrigin, typeKey)
	if err != nil {
		return nil, fmt.Errorf("entries of %s: %w", t.Adapter.Fact.Name(), err)
	}
	seqs = append(seqs, signers...)
	slices.Sort(seqs)
	return slices.Compact(seqs), nil
}

func (l *Ledger) numbers(ctx context.Context, where string, args ...any) ([]int64, error) {
	return collect(ctx, l, func(row *sql.Rows, seq *int64) error { return row.Scan(seq) }, "SELECT seq FROM entries WHERE "+where+" ORDER BY seq", args...)
}
