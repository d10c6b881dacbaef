package ledger

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"daybook/ledger/evidence"
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

// look finds what there is to forget.
func (out *Forgotten) look(ctx context.Context, q querier, f Forgetting) ([]found, error) {
	s, err := newSearch(ctx, q)
	if err != nil {
		return nil, err
	}
	bySet := map[int64]*found{}
	keyed := map[string]bool{}
	for _, r := range f.Records {
		r.Indexed = maps.Clone(r.Indexed)
		delete(r.Indexed, evidence.NearIdentity)
		if id, ok := r.Earlier[evidence.RecordIdentity]; ok {
			keyed[string(id[:])] = true
		}
		all, err := s.find(ctx, r)
		if err != nil {
			return nil, err
		}
		for _, v := range all {
			if known := bySet[v.Entry]; known != nil {
				known.places = append(known.places, v.places...)
			} else {
				bySet[v.Entry] = &v
			}
		}
	}
	var all []found
	for _, entry := range slices.Sorted(maps.Keys(bySet)) {
		v := *bySet[entry]
		all = append(all, v)
		out.Sets = append(out.Sets, v.SetEntry)
		if err := judgedIDs(ctx, q, v, keyed); err != nil {
			return nil, err
		}
	}
	for id := range keyed {
		out.Records = append(out.Records, hex.EncodeToString([]byte(id)))
	}
	if err := out.affected(ctx, q, all); err != nil {
		return nil, err
	}
	if len(all) == 0 && len(out.lists) == 0 {
		return nil, fmt.Errorf("record: %w", ErrNotFound)
	}
	return all, nil
}

// earlierList selects the list of the set of an entry.
const earlierList = "(SELECT l.id FROM member_lists l JOIN sets s ON s.list = l.digest WHERE s.entry = ?)"

// judgedIDs adds the IDs under which members of a set are in the lists of those
// who were judged on it, which are in the set's order.
func judgedIDs(ctx context.Context, q querier, v found, keyed map[string]bool) error {
	if v.Membership == 0 { // the set itself has them
		for _, p := range v.places {
			var id []byte
			if err := q.QueryRowContext(ctx, "SELECT record FROM members WHERE position = ? AND list = "+earlierList, p.position, v.Entry).Scan(&id); err != nil {
				return err
			}
			keyed[string(id)] = true
		}
		return nil
	}
	kept, err := readCommitment(ctx, q, v.Membership)
	if err != nil {
		return err
	}
	rows, err := q.QueryContext(ctx, "SELECT DISTINCT i.records FROM evaluations e JOIN record_lists i ON i.digest = e.list WHERE e.set_digest = ?", v.Digest)
	if err != nil {
		return err
	}
	lists, err := scanAll(rows, func(row *sql.Rows, packed *[]byte) error { return row.Scan(packed) })
	for _, packed := range lists {
		for _, p := range v.places {
			if i := slices.Index(kept.order, p.position); i >= 0 && len(packed) == 32*v.Records {
				keyed[string(packed[32*i:][:32])] = true
			}
		}
	}
	return err
}

// runOfSets is a run with the sets it reads.
type runOfSets struct {
	key  Digest
	sets [3]Digest
}

// affected finds the lists and runs that have something to do with what is forgotten.
func (out *Forgotten) affected(ctx context.Context, q querier, all []found) error {
	rows, err := q.QueryContext(ctx, "SELECT digest, records FROM record_lists")
	if err != nil {
		return err
	}
	type list struct {
		digest Digest
		packed []byte
	}
	lists, err := scanAll(rows, func(row *sql.Rows, v *list) error { return row.Scan(&v.digest, &v.packed) })
	if err != nil {
		return err
	}
	for _, v := range lists {
		if slices.ContainsFunc(out.Records, func(id string) bool { return indexOfID(v.packed, id) >= 0 }) {
			out.lists = append(out.lists, v.digest)
		}
	}
	lost := map[Digest]bool{}
	for _, v := range all {
		lost[v.Digest] = true
		if v.Membership == 0 {
			var list Digest
			if err := q.QueryRowContext(ctx, "SELECT list FROM sets WHERE entry = ?", v.Entry).Scan(&list); err != nil {
				return err
			}
			out.lists = append(out.lists, list)
		}
	}
	slices.Sort(out.lists)
	out.lists = slices.Compact(out.lists)
	out.Lists = len(out.lists)
	if rows, err = q.QueryContext(ctx, "SELECT r.key, p.train_set, p.validation_set, p.test_set FROM planned_runs p JOIN runs r ON r.id = p.run ORDER BY r.key"); err != nil {
		return err
	}
	runs, err := scanAll(rows, func(row *sql.Rows, v *runOfSets) error { return row.Scan(&v.key, &v.sets[0], &v.sets[1], &v.sets[2]) })
	for _, r := range runs {
		if slices.ContainsFunc(r.sets[:], func(d Digest) bool { return lost[d] }) {
			out.Runs = append(out.Runs, r.key)
		}
	}
	out.Runs = slices.Compact(out.Runs)
	return err
}

// indexOfID returns where an ID is in a list, -1 if it isn't there.
func indexOfID(packed []byte, id string) int {
	raw, err := hex.DecodeString(id)
	if err != nil {
		return -1
	}
	return slices.IndexFunc(slices.Collect(slices.Chunk(packed, 32)), func(b []byte) bool { return bytes.Equal(b, raw) })
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

// replaceIDs puts random IDs into the lists of records that adapters were judged on.
func (t *transaction) replaceIDs(ctx context.Context, out *Forgotten) error {
	for _, id := range out.Records {
		var instead [32]byte
		if _, err := rand.Read(instead[:]); err != nil {
			return err
		}
		for _, digest := range out.lists {
			var packed []byte
			ok, err := none(t.row(ctx, "SELECT records FROM record_lists WHERE digest = ?", digest).Scan(&packed))
			if err != nil {
				return err
			}
			at := indexOfID(packed, id)
			if !ok || at < 0 {
				continue
			}
			copy(packed[32*at:], instead[:])
			if err := t.exec(ctx, "UPDATE record_lists SET records = ? WHERE digest = ?", packed, digest); err != nil {
				return err
			}
		}
	}
	return nil
}

// recommit commits to what is left of a set, under another key. The key before is
// deleted with what it was for.
func (t *transaction) recommit(ctx context.Context, v found, root [32]byte) error {
	kept, err := readCommitment(ctx, t, v.Membership)
	if err != nil {
		return err
	}
	for i, position := range kept.order {
		if slices.ContainsFunc(v.places, func(p place) bool { return p.position == position }) {
			kept.order[i] = hole
		}
	}
	pool, err := readPool(ctx, t, kept.pool)
	if err != nil {
		return err
	}
	rows, err := kept.members(pool)
	if err != nil {
		return err
	}
	var encoding Digest
	if err := t.row(ctx, "SELECT encoding FROM memberships WHERE entry = ?", v.Membership).Scan(&encoding); err != nil {
		return err
	}
	c, err := newCommitment(Set{Digest: v.Digest, Dataset: v.Dataset, Role: v.Role, Encoding: encoding, RootKey: root}, rows, kept.order)
	if err != nil {
		return err
	}
	return t.commit(ctx, c, v.Membership)
}

// forgetEarlier deletes members from a list of an older build. Those after them
// move up.
func (t *transaction) forgetEarlier(ctx context.Context, v found) error {
	gone := map[int64]bool{}
	for _, p := range v.places {
		gone[int64(p.position)] = true
	}
	var list, records int64
	if err := t.row(ctx, "SELECT list, count(*) FROM members WHERE list = "+earlierList, v.Entry).Scan(&list, &records); err != nil {
		return err
	}
	next := int64(0)
	for position := range records {
		var err error
		switch {
		case gone[position]:
			err = t.exec(ctx, "DELETE FROM members WHERE list = ? AND position = ?", list, position)
		case next < position:
			err = t.exec(ctx, "UPDATE members SET position = ? WHERE list = ? AND position = ?", next, list, position)
		}
		if err != nil {
			return err
		}
		if !gone[position] {
			next++
		}
	}
	return nil
}

// dropMember deletes a record's identifiers from a segment.
func (t *transaction) dropMember(ctx context.Context, s segmentPlace, position uint32) error {
	var positions, truncated []byte
	if err := t.row(ctx, "SELECT positions, truncated FROM member_segments WHERE id = ?", s.id).Scan(&positions, &truncated); err != nil {
		return err
	}
	for _, packed := range []*[]byte{&positions, &truncated} {
		b, err := unpackBitmap(*packed)
		if err != nil {
			return err
		}
		b.Remove(position)
		if *packed, err = packBitmap(b); err != nil {
			return err
		}
	}
	if err := t.exec(ctx, "UPDATE member_segments SET positions = ?, truncated = ? WHERE id = ?", positions, truncated, s.id); err != nil {
		return err
	}
	rows, err := t.QueryContext(ctx, "SELECT kind, bucket, ids FROM member_ids WHERE segment = ?", s.id)
	if err != nil {
		return err
	}
	type bucket struct {
		kind, number int64
		ids          []byte
	}
	all, err := scanAll(rows, func(row *sql.Rows, b *bucket) error { return row.Scan(&b.kind, &b.number, &b.ids) })
	if err != nil {
		return err
	}
	for _, b := range all {
		kept := make([]byte, 0, len(b.ids))
		for e := range slices.Chunk(b.ids, entrySize) {
			if binary.BigEndian.Uint32(e[32:]) != position {
				kept = append(kept, e...)
			}
		}
		switch {
		case len(kept) == len(b.ids):
		case len(kept) == 0:
			err = t.exec(ctx, "DELETE FROM member_ids WHERE segment = ? AND kind = ? AND bucket = ?", s.id, b.kind, b.number)
		default:
			err = t.exec(ctx, "UPDATE member_ids SET ids = ? WHERE segment = ? AND kind = ? AND bucket = ?", kept, s.id, b.kind, b.number)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func projectForgotten(ctx context.Context, t *transaction, e entry) error {
	f, err := decodeBody[forgottenFact](e)
	if err != nil {
		return err
	}
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
