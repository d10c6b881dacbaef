package ledger

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"daybook/ledger/evidence"
)

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
