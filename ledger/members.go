package ledger

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"daybook/ledger/evidence"
)

const (
	mostPositions = 1<<32 - 1 // below which positions are: a bitmap's
	chunkBits     = 16        // of a position within a chunk: a bitmap's container, 8 KiB at the most
	bucketSize    = 1024      // identifiers in a bucket, about; 36 KiB, read and searched in microseconds
	entrySize     = 32 + 4    // bytes of an identifier with its position
)

// kinds is the number of identities that a member has.
const kinds = 4

// errIndex is wrapped by errors about an index that isn't as Daybook writes it.
var errIndex = errors.New("the index of members is not sound")

// memberRow is a record in the index.
type memberRow struct {
	position  uint32
	ids       [kinds][32]byte // keyed, in the order of evidence.Identities
	truncated bool
}

func byPosition(a, b memberRow) int { return cmp.Compare(a.position, b.position) }

// value is what a leaf says of the member.
func (r *memberRow) value() byte {
	if r.truncated {
		return evidence.Truncated
	}
	return evidence.Whole
}

// packBitmap returns the one form in which the index has a set of positions.
func packBitmap(b *roaring.Bitmap) ([]byte, error) {
	b.RunOptimize()
	return b.ToBytes()
}

// unpackBitmap is the inverse of packBitmap. The error wraps errIndex.
func unpackBitmap(packed []byte) (*roaring.Bitmap, error) {
	b := roaring.New()
	if _, err := b.ReadFrom(bytes.NewReader(packed)); err != nil {
		return nil, fmt.Errorf("%w: %w", errIndex, err)
	}
	if err := b.Validate(); err != nil && !b.IsEmpty() {
		return nil, fmt.Errorf("%w: %w", errIndex, err)
	}
	if again, err := packBitmap(b.Clone()); err != nil || !bytes.Equal(again, packed) {
		return nil, fmt.Errorf("%w: a bitmap is not in its one form", errIndex)
	}
	return b, nil
}

// poolOf returns the pool for a dataset's records, made into examples in one way.
func (t *transaction) poolOf(ctx context.Context, dataset, encoding Digest) (pool int64, err error) {
	found, err := none(t.row(ctx, "SELECT id FROM member_pools WHERE dataset = ? AND encoding = ?", dataset, encoding).Scan(&pool))
	if err != nil || found {
		return pool, err
	}
	err = t.row(ctx, "INSERT INTO member_pools (dataset, encoding) VALUES (?, ?) RETURNING id", dataset, encoding).Scan(&pool)
	return pool, err
}

// addMembers adds those of the records that a pool lacks, as a segment.
func (t *transaction) addMembers(ctx context.Context, pool int64, rows []memberRow) error {
	known, err := poolPositions(ctx, t, pool)
	if err != nil {
		return err
	}
	fresh := make([]memberRow, 0, len(rows))
	for _, r := range rows {
		if !known.Contains(r.position) {
			fresh = append(fresh, r)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	positions, truncated := roaring.New(), roaring.New()
	for _, r := range fresh {
		if positions.Add(r.position); r.truncated {
			truncated.Add(r.position)
		}
	}
	packed, err := packBitmap(positions)
	if err != nil {
		return err
	}
	cut, err := packBitmap(truncated)
	if err != nil {
		return err
	}
	bits := 0
	for len(fresh)>>bits > bucketSize {
		bits++
	}
	var segment int64
	if err := t.row(ctx, "INSERT INTO member_segments (pool, bits, positions, truncated) VALUES (?, ?, ?, ?) RETURNING id",
		pool, bits, packed, cut).Scan(&segment); err != nil {
		return err
	}
	for kind := range kinds {
		slices.SortFunc(fresh, func(a, b memberRow) int {
			return cmp.Or(bytes.Compare(a.ids[kind][:], b.ids[kind][:]), byPosition(a, b))
		})
		for at := 0; at < len(fresh); {
			bucket := bucketOf(fresh[at].ids[kind], bits)
			var ids []byte
			for ; at < len(fresh) && bucketOf(fresh[at].ids[kind], bits) == bucket; at++ {
				ids = append(ids, fresh[at].ids[kind][:]...)
				ids = binary.BigEndian.AppendUint32(ids, fresh[at].position)
			}
			if err := t.exec(ctx, "INSERT INTO member_ids (segment, kind, bucket, ids) VALUES (?, ?, ?, ?)", segment, kind, bucket, ids); err != nil {
				return err
			}
		}
	}
	return nil
}

// bucketOf returns the first bits of an identifier.
func bucketOf(id [32]byte, bits int) int64 {
	return int64(binary.BigEndian.Uint32(id[:]) >> 1 >> (31 - bits))
}

// poolPositions returns which records of its dataset a pool has.
func poolPositions(ctx context.Context, q querier, pool int64) (*roaring.Bitmap, error) {
	rows, err := q.QueryContext(ctx, "SELECT positions FROM member_segments WHERE pool = ?", pool)
	if err != nil {
		return nil, err
	}
	all := roaring.New()
	packed, err := scanAll(rows, func(row *sql.Rows, v *[]byte) error { return row.Scan(v) })
	for _, p := range packed {
		b, err := unpackBitmap(p)
		if err != nil {
			return nil, err
		}
		all.Or(b)
	}
	return all, err
}

// poolRows are all records of a pool.
type poolRows struct {
	positions *roaring.Bitmap
	rows      []memberRow // by position
}

// at returns the record at a position, nil if there is none.
func (p *poolRows) at(position uint32) *memberRow {
	if !p.positions.Contains(position) {
		return nil
	}
	return &p.rows[p.positions.Rank(position)-1]
}

// readPool reads all records of a pool. The error wraps errIndex if they are not
// in the form in which addMembers writes them.
func readPool(ctx context.Context, q querier, pool int64) (*poolRows, error) {
	segments, err := readSegments(ctx, q, pool)
	if err != nil {
		return nil, err
	}
	p := &poolRows{positions: roaring.New()}
	truncated := roaring.New()
	for _, s := range segments {
		if p.positions.Intersects(s.positions) || !roaring.AndNot(s.truncated, s.positions).IsEmpty() {
			return nil, fmt.Errorf("%w: segment %d has records that it should not have", errIndex, s.id)
		}
		p.positions.Or(s.positions)
		truncated.Or(s.truncated)
	}
	p.rows = make([]memberRow, 0, p.positions.GetCardinality())
	for i := p.positions.Iterator(); i.HasNext(); {
		position := i.Next()
		p.rows = append(p.rows, memberRow{position: position, truncated: truncated.Contains(position)})
	}
	for _, s := range segments {
		if err := p.readIDs(ctx, q, s); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// segment is a part of a pool.
type segment struct {
	id                   int64
	bits                 int
	positions, truncated *roaring.Bitmap
}

func readSegments(ctx context.Context, q querier, pool int64) ([]segment, error) {
	rows, err := q.QueryContext(ctx, "SELECT id, bits, positions, truncated FROM member_segments WHERE pool = ? ORDER BY id", pool)
	if err != nil {
		return nil, err
	}
	return scanAll(rows, func(row *sql.Rows, s *segment) (err error) {
		var positions, truncated []byte
		if err := row.Scan(&s.id, &s.bits, &positions, &truncated); err != nil {
			return err
		}
		if s.bits < 0 || s.bits > 31 {
			return fmt.Errorf("%w: segment %d has buckets of %d bits", errIndex, s.id, s.bits)
		}
		if s.positions, err = unpackBitmap(positions); err != nil {
			return err
		}
		s.truncated, err = unpackBitmap(truncated)
		return err
	})
}

// readIDs reads the identifiers of a segment: each record has one of each kind.
func (p *poolRows) readIDs(ctx context.Context, q querier, s segment) error {
	rows, err := q.QueryContext(ctx, "SELECT kind, bucket, ids FROM member_ids WHERE segment = ? ORDER BY kind, bucket", s.id)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var seen [kinds]*roaring.Bitmap
	for kind := range seen {
		seen[kind] = roaring.New()
	}
	for rows.Next() {
		var kind int
		var bucket int64
		var ids sql.RawBytes
		if err := rows.Scan(&kind, &bucket, &ids); err != nil {
			return err
		}
		if kind < 0 || kind >= kinds || len(ids) == 0 || len(ids)%entrySize != 0 {
			return fmt.Errorf("%w: segment %d, kind %d, bucket %d", errIndex, s.id, kind, bucket)
		}
		var last []byte
		for e := range slices.Chunk([]byte(ids), entrySize) {
			position := binary.BigEndian.Uint32(e[32:])
			if bucketOf([32]byte(e), s.bits) != bucket || bytes.Compare(last, e) >= 0 || !s.positions.Contains(position) || !seen[kind].CheckedAdd(position) {
				return fmt.Errorf("%w: segment %d, kind %d, bucket %d: an identifier is out of its place", errIndex, s.id, kind, bucket)
			}
			last = e
			p.at(position).ids[kind] = [32]byte(e)
		}
	}
	for kind := range seen {
		if !seen[kind].Equals(s.positions) {
			return fmt.Errorf("%w: segment %d lacks identifiers of kind %d", errIndex, s.id, kind)
		}
	}
	return rows.Err()
}

// committedRows returns the members that an entry commits to, in the set's order.
func committedRows(ctx context.Context, q querier, entry int64) ([]memberRow, error) {
	kept, err := readCommitment(ctx, q, entry)
	if err != nil {
		return nil, err
	}
	p, err := readPool(ctx, q, kept.pool)
	if err != nil {
		return nil, err
	}
	return kept.members(p)
}

// keptCommitment is what the index has of a commitment.
type keptCommitment struct {
	entry int64
	pool  int64
	key   [32]byte
	order []uint32 // positions in the set's order, with holes
}

func readCommitment(ctx context.Context, q querier, entry int64) (*keptCommitment, error) {
	k := &keptCommitment{entry: entry}
	var key, ordering []byte
	err := q.QueryRowContext(ctx, "SELECT pool, key, ordering FROM set_members WHERE entry = ?", entry).Scan(&k.pool, &key, &ordering)
	if found, err := none(err); err != nil || !found || len(key) != len(k.key) {
		if err == nil {
			err = fmt.Errorf("%w: nothing is kept of what entry %d commits to", errIndex, entry)
		}
		return nil, err
	}
	k.key = [32]byte(key)
	rows, err := q.QueryContext(ctx, "SELECT chunk, positions FROM set_positions WHERE entry = ? ORDER BY chunk", entry)
	if err != nil {
		return nil, err
	}
	type chunk struct {
		number int64
		packed []byte
	}
	chunks, err := scanAll(rows, func(row *sql.Rows, c *chunk) error { return row.Scan(&c.number, &c.packed) })
	if err != nil {
		return nil, err
	}
	for _, c := range chunks {
		b, err := unpackBitmap(c.packed)
		if err != nil {
			return nil, fmt.Errorf("positions of entry %d: %w", entry, err)
		}
		if b.IsEmpty() || b.Maximum()>>chunkBits != 0 || c.number>>chunkBits != 0 {
			return nil, fmt.Errorf("%w: positions of entry %d are out of chunk %d", errIndex, entry, c.number)
		}
		for i := b.Iterator(); i.HasNext(); {
			k.order = append(k.order, uint32(c.number)<<chunkBits|i.Next()) //nolint:gosec // it was compared
		}
	}
	if ordering == nil {
		return k, nil
	}
	var ordered, filled []uint32
	for p := range slices.Chunk(ordering, 4) {
		position := uint32(hole)
		if len(p) == 4 {
			position = binary.BigEndian.Uint32(p)
		}
		if ordered = append(ordered, position); position != hole {
			filled = append(filled, position)
		}
	}
	if slices.Sort(filled); len(ordering)%4 != 0 || !slices.Equal(filled, k.order) {
		return nil, fmt.Errorf("%w: the order of entry %d is not of its positions", errIndex, entry)
	}
	k.order = ordered
	return k, nil
}

// members looks the positions up, in the set's order.
func (k *keptCommitment) members(p *poolRows) ([]memberRow, error) {
	out := make([]memberRow, 0, len(k.order))
	for _, position := range k.order {
		if position == hole {
			continue
		}
		r := p.at(position)
		if r == nil {
			return nil, fmt.Errorf("%w: no record is at position %d, to which entry %d commits", errIndex, position, k.entry)
		}
		out = append(out, *r)
	}
	return out, nil
}
