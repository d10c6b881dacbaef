package ledger

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"daybook/ledger/evidence"
)

// adopt turns a history that was written before it was a log into one: bodies
// are brought into canonical form, the Merkle tree is grown over the entries as
// they then are, and the query tables are made again from them. Entries keep their
// numbers. Nobody has signed them: the entry that begins the log, which the next
// transaction adds, says how many there were, and verify shows it as a break. It
// does nothing to a log, and is called when the schema is this build's.
func (t *transaction) adopt(ctx context.Context) error {
	var hashes int
	if err := t.row(ctx, "SELECT count(*) FROM hashes").Scan(&hashes); err != nil || hashes > 0 {
		return err
	}
	if err := t.begin(ctx); err != nil || t.last == 0 {
		return err
	}
	const seatbelt = "entries_no_update"
	var trigger string
	if err := t.row(ctx, "SELECT sql FROM sqlite_schema WHERE name = ?", seatbelt).Scan(&trigger); err != nil {
		return err
	}
	if _, err := t.ExecContext(ctx, "DROP TRIGGER "+seatbelt); err != nil {
		return err
	}
	for seq := int64(1); seq <= t.last; seq++ {
		e := evidence.Entry{Seq: seq}
		if err := t.row(ctx, "SELECT time, type, version, body FROM entries WHERE seq = ?", seq).Scan(&e.Time, &e.Type, &e.Version, (*[]byte)(&e.Body)); err != nil {
			return fmt.Errorf("entry %d: %w", seq, err)
		}
		body, err := evidence.Canonicalize(e.Body)
		if err != nil {
			return fmt.Errorf("entry %d: %w", seq, err)
		}
		e.Body = body
		if err := t.exec(ctx, "UPDATE entries SET body = ? WHERE seq = ?", string(body), seq); err != nil {
			return fmt.Errorf("entry %d: %w", seq, err)
		}
		if err := t.addLeaf(ctx, seq-1, e.Hash()); err != nil {
			return fmt.Errorf("entry %d: %w", seq, err)
		}
		if len(t.tree.fresh) > maxFresh {
			t.tree.fresh = map[int64]tlog.Hash{}
		}
	}
	if _, err := t.ExecContext(ctx, trigger); err != nil {
		return err
	}
	return t.rebuild(ctx)
}

// maxFresh bounds the hashes that a transaction remembers instead of asking for
// them; about 8 MB.
const maxFresh = 1 << 16
