package ledger

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"daybook/ledger/evidence"
)

// ErrMismatch is wrapped by errors about an index that isn't what entries commit to.
var ErrMismatch = errors.New("not as the entries say")

// ProveMembers proves, of records by their identities in the clear, that they are
// in the sets to which entries commit, or that they aren't. It makes the trees again
// from the index, about 10 us a record and set. The error wraps ErrMismatch if they
// are not what an entry says.
func (l *Ledger) ProveMembers(ctx context.Context, root [32]byte, records []map[evidence.Identity][32]byte, entries []int64) (*evidence.MembershipProofs, error) {
	tx, err := l.read.BeginTx(ctx, nil) // one state of the ledger
	if err != nil {
		return nil, l.explain(err)
	}
	defer func() { _ = tx.Rollback() }() // it has changed nothing
	out := &evidence.MembershipProofs{Version: 1, RootKey: hex.EncodeToString(root[:]), Sets: []evidence.ProvedSet{}}
	for _, r := range records {
		plain := map[evidence.Identity]string{}
		for identity, id := range r {
			plain[identity] = hex.EncodeToString(id[:])
		}
		out.Records = append(out.Records, plain)
	}
	pools := map[int64]*poolRows{}
	for _, entry := range entries {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("ledger: %w", err)
		}
		set, err := proveSet(ctx, tx, root, records, entry, pools)
		if errors.Is(err, errIndex) {
			err = fmt.Errorf("members of entry %d: %w: %w", entry, ErrMismatch, err)
		}
		if err != nil {
			return nil, l.explain(err)
		}
		out.Sets = append(out.Sets, *set)
	}
	return out, nil
}

// proveSet proves what one entry commits to. Pools that were read are in pools.
func proveSet(ctx context.Context, tx *sql.Tx, root [32]byte, records []map[evidence.Identity][32]byte, entry int64, pools map[int64]*poolRows) (*evidence.ProvedSet, error) {
	var keys string
	var committed []byte
	if err := tx.QueryRowContext(ctx, "SELECT key_digest, trees FROM memberships WHERE entry = ?", entry).Scan(&keys, &committed); err != nil {
		return nil, err
	}
	var heads map[evidence.Identity]evidence.TreeHead
	if err := json.Unmarshal(committed, &heads); err != nil {
		return nil, err
	}
	kept, err := readCommitment(ctx, tx, entry)
	if err != nil {
		return nil, err
	}
	if pools[kept.pool] == nil {
		if pools[kept.pool], err = readPool(ctx, tx, kept.pool); err != nil {
			return nil, err
		}
	}
	rows, err := kept.members(pools[kept.pool])
	if err != nil {
		return nil, err
	}
	key := evidence.MembershipKeys{Root: root, Set: kept.key}
	if key.Commitment() != keys {
		return nil, fmt.Errorf("members of entry %d: %w: the record key here is another, or the commitment's is", entry, ErrMismatch)
	}
	out := &evidence.ProvedSet{Entry: entry, Key: hex.EncodeToString(kept.key[:])}
	for range records {
		out.Proofs = append(out.Proofs, map[evidence.Identity]evidence.PrefixProof{})
	}
	for kind, tree := range trees(rows, kept.key) {
		identity := evidence.Identities()[kind]
		if headOf(tree) != heads[identity] {
			return nil, fmt.Errorf("members of entry %d: %w: the index has other identifiers", entry, ErrMismatch)
		}
		for i, r := range records {
			if id, ok := r[identity]; ok {
				out.Proofs[i][identity] = tree.Prove(key.ID(id))
			}
		}
	}
	return out, nil
}
