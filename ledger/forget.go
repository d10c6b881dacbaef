package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

const typeForgotten = "forgotten"

// Forgetting says what to forget: records whose identities that are given, other
// than near ones, match.
type Forgetting struct {
	Records []Sought
	RootKey [32]byte // under which the sets are committed to anew
	DryRun  bool     // only say what would be done
}

// Forgotten says what was forgotten.
type Forgotten struct {
	Entry   int64      `json:"entry"` // that says so; 0 if nothing was changed
	Sets    []SetEntry `json:"sets"`  // that a record was taken out of
	Lists   int        `json:"lists"` // of older builds, and of records that adapters were judged on
	Runs    []Digest   `json:"runs"`  // that can't be repeated any more
	Records []string   `json:"-"`     // IDs under the record key, which may be in files elsewhere
	Left    string     `json:"left"`  // why deleted bytes may still be on the disk; "" if they aren't
	lists   []Digest   // digests of the lists
}

// forgottenFact is what the history says: nothing of which record it was.
type forgottenFact struct {
	Records int            `json:"records"`
	Sets    []forgottenSet `json:"sets"`
	Lists   []changedList  `json:"lists"`
}

// changedList is a list that isn't that any more which its digest is of.
type changedList struct {
	List Digest `json:"list"`
	Now  Digest `json:"now"` // digest of what is left
}

type forgottenSet struct {
	Digest  Digest `json:"digest"`
	Role    string `json:"role"`
	Dataset Digest `json:"dataset"`
}

// Forget deletes the identifiers of records from the index, with the keys of every
// commitment that they are in: with them, nobody can test a guess against the
// roots in the log, nor find out by elimination which record is missing. What is
// left of those sets is committed to anew. In the lists of records that adapters
// were judged on, a random ID takes their place, the same everywhere, so that
// scores can still be compared record by record.
//
// The history gets an entry that names the sets and no record. The error wraps
// ErrNotFound if no set has any of the records, and is a *HeldError if somebody
// works on a run.
func (l *Ledger) Forget(ctx context.Context, f Forgetting) (*Forgotten, error) {
	out := &Forgotten{Sets: []SetEntry{}, Runs: []Digest{}}
	if f.DryRun {
		tx, err := l.read.BeginTx(ctx, nil)
		if err != nil {
			return nil, l.explain(err)
		}
		defer func() { _ = tx.Rollback() }() // it has changed nothing
		_, err = out.look(ctx, tx, f)
		return out, l.explain(err)
	}
	err := l.update(ctx, func(ctx context.Context, t *transaction) error {
		held := &HeldError{}
		var until int64
		busy, err := none(t.row(ctx, "SELECT run, holder, until FROM leases WHERE until > ? LIMIT 1", t.time.UnixMilli()).Scan(&held.Run, &held.Holder, &until))
		if err != nil {
			return err
		}
		if busy {
			held.Until = time.UnixMilli(until).UTC()
			return held
		}
		return t.forget(ctx, f, out)
	})
	if err != nil {
		return nil, err
	}
	return out, l.scrub(ctx, out)
}

// scrub removes what the write-ahead log still has of deleted rows. Pages of the
// database itself are overwritten as rows are deleted.
func (l *Ledger) scrub(ctx context.Context, out *Forgotten) error {
	var busy, pages, done int
	if err := l.write.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &done); err != nil {
		return l.explain(err)
	}
	if busy != 0 {
		out.Left = "another process reads the ledger, so its write-ahead log still has what was deleted: it goes when all have closed the ledger"
	}
	return nil
}

func (t *transaction) forget(ctx context.Context, f Forgetting, out *Forgotten) error {
	all, err := out.look(ctx, t, f)
	if err != nil {
		return err
	}
	if err := t.replaceIDs(ctx, out); err != nil {
		return err
	}
	for _, v := range all {
		if v.Membership == 0 {
			if err := t.forgetEarlier(ctx, v); err != nil {
				return fmt.Errorf("set %.12s: %w", v.Digest, err)
			}
		}
	}
	fact, err := t.forgottenFact(ctx, out, len(f.Records))
	if err != nil {
		return err
	}
	if err := t.append(ctx, typeForgotten, fact); err != nil {
		return err
	}
	out.Entry = t.last
	dropped := map[place]bool{}
	for _, v := range all {
		if v.Membership == 0 {
			continue
		}
		if err := t.recommit(ctx, v, f.RootKey); err != nil {
			return fmt.Errorf("set %.12s: %w", v.Digest, err)
		}
		for _, p := range v.places {
			dropped[place{p.segment, p.position, 0}] = true
		}
	}
	for p := range dropped {
		if err := t.dropMember(ctx, p.segment, p.position); err != nil {
			return err
		}
	}
	return nil
}

// forgottenFact is what the history will say, once the lists are changed.
func (t *transaction) forgottenFact(ctx context.Context, out *Forgotten, records int) (forgottenFact, error) {
	fact := forgottenFact{Records: records, Sets: []forgottenSet{}, Lists: []changedList{}}
	for _, s := range out.Sets {
		fact.Sets = append(fact.Sets, forgottenSet{s.Digest, s.Role, s.Dataset})
	}
	slices.SortFunc(fact.Sets, func(a, b forgottenSet) int {
		return cmp.Or(cmp.Compare(a.Digest, b.Digest), cmp.Compare(a.Role, b.Role), cmp.Compare(a.Dataset, b.Dataset))
	})
	for _, list := range out.lists {
		kind := "records"
		var packed []byte
		ok, err := none(t.row(ctx, "SELECT records FROM record_lists WHERE digest = ?", list).Scan(&packed))
		if err == nil && !ok {
			kind = "members"
			packed, err = t.packedMembers(ctx, list)
		}
		if err != nil {
			return fact, err
		}
		fact.Lists = append(fact.Lists, changedList{list, listDigest(kind, packed)})
	}
	return fact, nil
}

func projectForgotten(ctx context.Context, t *transaction, e entry, f forgottenFact) error {
	for _, s := range f.Sets {
		if err := t.exec(ctx, "INSERT INTO forgotten_sets (entry, set_digest, role, dataset) VALUES (?, ?, ?, ?)", e.Seq, s.Digest, s.Role, s.Dataset); err != nil {
			return err
		}
	}
	for _, list := range f.Lists {
		if err := t.exec(ctx, "INSERT INTO forgotten_lists (entry, list, now) VALUES (?, ?, ?)", e.Seq, list.List, list.Now); err != nil {
			return err
		}
	}
	return nil
}
