package ledger

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"slices"
)

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
