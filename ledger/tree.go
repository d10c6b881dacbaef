package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// rower asks a question that has one answer.
type rower interface {
	row(ctx context.Context, query string, args ...any) *sql.Row
}

// tree is the Merkle tree over the entries as the table hashes has it, with
// hashes that one transaction adds.
type tree struct {
	query rower
	fresh map[int64]tlog.Hash // by stored-hash index
}

// reader returns the tree for the functions of tlog.
func (r *tree) reader(ctx context.Context) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			if h, ok := r.fresh[index]; ok {
				out[i] = h
				continue
			}
			var data []byte
			if err := r.query.row(ctx, "SELECT hash FROM hashes WHERE id = ?", index).Scan(&data); err != nil {
				if errors.Is(err, sql.ErrNoRows) {
					return nil, fmt.Errorf("hash %d: %w", index, ErrDamaged)
				}
				return nil, err
			}
			if len(data) != tlog.HashSize {
				return nil, fmt.Errorf("hash %d: %w: it has %d bytes", index, ErrDamaged, len(data))
			}
			out[i] = tlog.Hash(data)
		}
		return out, nil
	})
}

// addLeaf adds the leaf with an index, counted from 0, and what it completes.
func (t *transaction) addLeaf(ctx context.Context, index int64, leaf tlog.Hash) error {
	hashes, err := tlog.StoredHashesForRecordHash(index, leaf, t.tree.reader(ctx))
	if err != nil {
		return err
	}
	id := tlog.StoredHashIndex(0, index)
	for _, h := range hashes {
		if err := t.exec(ctx, "INSERT INTO hashes (id, hash) VALUES (?, ?)", id, h[:]); err != nil {
			return err
		}
		t.tree.fresh[id] = h
		id++
	}
	return nil
}

// root returns the root over the first size entries.
func (r *tree) root(ctx context.Context, size int64) (tlog.Hash, error) {
	return tlog.TreeHash(size, r.reader(ctx))
}
