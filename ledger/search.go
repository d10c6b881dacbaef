package ledger

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"slices"
	"sort"

	"github.com/RoaringBitmap/roaring/v2"

	"daybook/ledger/evidence"
)

// Sought is a record that is looked for, by those of its identities that are known.
type Sought struct {
	Indexed map[evidence.Identity][32]byte // under the root key (evidence.RootKey)
	Earlier map[evidence.Identity][32]byte // under the record key itself, as builds before commitments had them
}

// Seen is a set that a record is in.
type Seen struct {
	SetEntry
	By        []evidence.Identity // by which it is the same, the strictest first
	Whole     bool                // a record with the strictest of them is in it whole
	Truncated bool                // likewise, cut to the run's length
}

// SetEntry is a set with the entries that speak of it.
type SetEntry struct {
	TracedSet
	Entry      int64 `json:"entry"`
	Membership int64 `json:"membership"` // entry in force that commits to its members; 0 if none does
	Committed  int   `json:"committed"`  // members to which it does: fewer than Records if one was forgotten
	OutOf      int   `json:"out_of"`     // records of the dataset; 0 if nobody said
}

// Sets returns all sets, in the order of their entries.
func (l *Ledger) Sets(ctx context.Context) ([]SetEntry, error) {
	out, err := readSets(ctx, l.read)
	return out, l.explain(err)
}

func readSets(ctx context.Context, q querier) ([]SetEntry, error) {
	rows, err := q.QueryContext(ctx, `SELECT s.digest, s.dataset, s.role, s.records, s.tokens, s.truncated, s.entry, coalesce(m.entry, 0), coalesce(m.records, 0), coalesce(d.records, 0) FROM sets s
		LEFT JOIN datasets d ON d.digest = s.dataset
		LEFT JOIN memberships m ON m.set_digest = s.digest AND m.role = s.role AND m.dataset = s.dataset AND `+inForce+` ORDER BY s.entry`)
	if err != nil {
		return nil, err
	}
	return scanAll(rows, func(row *sql.Rows, s *SetEntry) error {
		return row.Scan(&s.Digest, &s.Dataset, &s.Role, &s.Records, &s.Tokens, &s.Truncated, &s.Entry, &s.Membership, &s.Committed, &s.OutOf)
	})
}

// Search returns, for each record sought, the sets that it is in, in the order of
// their entries. It trusts the index, which Verify compares with the entries.
func (l *Ledger) Search(ctx context.Context, sought []Sought) ([][]Seen, error) {
	tx, err := l.read.BeginTx(ctx, nil) // one state of the ledger
	if err != nil {
		return nil, l.explain(err)
	}
	defer func() { _ = tx.Rollback() }() // it has changed nothing
	s, err := newSearch(ctx, tx)
	if err != nil {
		return nil, l.explain(err)
	}
	out := make([][]Seen, len(sought))
	for i, record := range sought {
		found, err := s.find(ctx, record)
		if err != nil {
			return nil, l.explain(err)
		}
		for _, f := range found {
			out[i] = append(out[i], f.Seen)
		}
	}
	return out, nil
}

// search looks records up in one state of the index.
type search struct {
	q        querier
	sets     []SetEntry
	pools    map[int64]int64 // of commitments, by entry
	segments []segmentPlace
	chunks   map[uint32][]chunkOf
	cut      map[int64]*roaring.Bitmap // positions of records that were cut, by segment
}

// segmentPlace is where a part of the index is.
type segmentPlace struct {
	id, pool int64
	bits     int
}

// chunkOf is a part of a commitment's positions.
type chunkOf struct {
	entry     int64
	positions *roaring.Bitmap
}

// found is a set that a record is in, and where.
type found struct {
	Seen
	places []place // of members, by any identity
}

// place is a member in the index.
type place struct {
	segment  segmentPlace // zero in a list of an older build
	position uint32       // in the dataset; there, in the list
	kind     int          // of identity
}

func newSearch(ctx context.Context, q querier) (*search, error) {
	s := &search{q: q, pools: map[int64]int64{}, chunks: map[uint32][]chunkOf{}, cut: map[int64]*roaring.Bitmap{}}
	var err error
	if s.sets, err = readSets(ctx, q); err != nil {
		return nil, err
	}
	rows, err := q.QueryContext(ctx, "SELECT entry, pool FROM set_members")
	if err != nil {
		return nil, err
	}
	kept, err := scanAll(rows, func(row *sql.Rows, v *[2]int64) error { return row.Scan(&v[0], &v[1]) })
	if err != nil {
		return nil, err
	}
	for _, k := range kept {
		s.pools[k[0]] = k[1]
	}
	if rows, err = q.QueryContext(ctx, "SELECT id, pool, bits FROM member_segments ORDER BY id"); err != nil {
		return nil, err
	}
	s.segments, err = scanAll(rows, func(row *sql.Rows, v *segmentPlace) error { return row.Scan(&v.id, &v.pool, &v.bits) })
	return s, err
}

func (s *search) find(ctx context.Context, record Sought) ([]found, error) {
	bySet := map[int][]place{}
	for kind, identity := range evidence.Identities() {
		if id, ok := record.Indexed[identity]; ok {
			if err := s.indexed(ctx, kind, id, bySet); err != nil {
				return nil, err
			}
		}
		if id, ok := record.Earlier[identity]; ok && identity != evidence.NearIdentity {
			if err := s.earlier(ctx, kind, id, bySet); err != nil {
				return nil, err
			}
		}
	}
	var out []found
	for i, set := range s.sets {
		if places := bySet[i]; len(places) > 0 {
			f := found{Seen{SetEntry: set}, places}
			if err := s.describe(ctx, &f); err != nil {
				return nil, err
			}
			out = append(out, f)
		}
	}
	return out, nil
}

// indexed looks an identity up in every segment, and its members in every set.
func (s *search) indexed(ctx context.Context, kind int, id [32]byte, bySet map[int][]place) error {
	for _, segment := range s.segments {
		positions, err := lookUp(ctx, s.q, segment, kind, id)
		if err != nil {
			return err
		}
		for _, position := range positions {
			chunk, err := s.chunk(ctx, position>>chunkBits)
			if err != nil {
				return err
			}
			in := map[int64]bool{}
			for _, c := range chunk {
				if s.pools[c.entry] == segment.pool && c.positions.Contains(position&(1<<chunkBits-1)) {
					in[c.entry] = true
				}
			}
			for i, set := range s.sets {
				if in[set.Membership] {
					bySet[i] = append(bySet[i], place{segment, position, kind})
				}
			}
		}
	}
	return nil
}

// lookUp returns the positions of an identifier in a segment.
func lookUp(ctx context.Context, q querier, s segmentPlace, kind int, id [32]byte) (positions []uint32, err error) {
	var ids []byte
	ok, err := none(q.QueryRowContext(ctx, "SELECT ids FROM member_ids WHERE segment = ? AND kind = ? AND bucket = ?", s.id, kind, bucketOf(id, s.bits)).Scan(&ids))
	if err != nil || !ok {
		return nil, err
	}
	n := len(ids) / entrySize
	at := sort.Search(n, func(i int) bool { return bytes.Compare(ids[i*entrySize:][:32], id[:]) >= 0 })
	for ; at < n && bytes.Equal(ids[at*entrySize:][:32], id[:]); at++ {
		positions = append(positions, binary.BigEndian.Uint32(ids[at*entrySize+32:]))
	}
	return positions, nil
}

// chunk returns the part of every commitment's positions that a chunk holds.
func (s *search) chunk(ctx context.Context, chunk uint32) ([]chunkOf, error) {
	if c, ok := s.chunks[chunk]; ok {
		return c, nil
	}
	rows, err := s.q.QueryContext(ctx, "SELECT entry, positions FROM set_positions WHERE chunk = ?", chunk)
	if err != nil {
		return nil, err
	}
	s.chunks[chunk], err = scanAll(rows, func(row *sql.Rows, c *chunkOf) error {
		var packed []byte
		if err := row.Scan(&c.entry, &packed); err != nil {
			return err
		}
		c.positions = roaring.New()
		_, err := c.positions.FromBuffer(packed)
		return err
	})
	return s.chunks[chunk], err
}

// earlier looks an identity up in the lists of older builds, for sets that have no
// commitment.
func (s *search) earlier(ctx context.Context, kind int, id [32]byte, bySet map[int][]place) error {
	column := []string{"record", "content", "example"}[kind]
	rows, err := s.q.QueryContext(ctx, "SELECT t.entry, m.position FROM members m JOIN member_lists l ON l.id = m.list JOIN sets t ON t.list = l.digest WHERE m."+column+" = ?", id[:])
	if err != nil {
		return err
	}
	all, err := scanAll(rows, func(row *sql.Rows, v *[2]int64) error { return row.Scan(&v[0], &v[1]) })
	for _, v := range all {
		for i, set := range s.sets {
			if set.Entry == v[0] && set.Membership == 0 {
				bySet[i] = append(bySet[i], place{position: uint32(v[1]), kind: kind}) //nolint:gosec // a list has fewer members
			}
		}
	}
	return err
}

// describe says by what a record is in a set, and whether it was cut: of members
// that are it in the strictest way.
func (s *search) describe(ctx context.Context, f *found) error {
	for kind, identity := range evidence.Identities() {
		if slices.ContainsFunc(f.places, func(p place) bool { return p.kind == kind }) {
			f.By = append(f.By, identity)
		}
	}
	strictest := slices.MinFunc(f.places, func(a, b place) int { return a.kind - b.kind }).kind
	for _, p := range f.places {
		if p.kind != strictest {
			continue
		}
		cut, err := s.truncated(ctx, f.SetEntry, p)
		if err != nil {
			return err
		}
		f.Truncated, f.Whole = f.Truncated || cut, f.Whole || !cut
	}
	return nil
}

// truncated reports whether a member of a set was cut.
func (s *search) truncated(ctx context.Context, set SetEntry, p place) (cut bool, err error) {
	if set.Membership == 0 {
		err = s.q.QueryRowContext(ctx, `SELECT m.truncated > 0 FROM members m JOIN member_lists l ON l.id = m.list JOIN sets t ON t.list = l.digest
			WHERE t.entry = ? AND m.position = ?`, set.Entry, p.position).Scan(&cut)
		return cut, err
	}
	if s.cut[p.segment.id] == nil {
		var packed []byte
		if err := s.q.QueryRowContext(ctx, "SELECT truncated FROM member_segments WHERE id = ?", p.segment.id).Scan(&packed); err != nil {
			return false, err
		}
		positions := roaring.New()
		if _, err := positions.FromBuffer(packed); err != nil {
			return false, err
		}
		s.cut[p.segment.id] = positions
	}
	return s.cut[p.segment.id].Contains(p.position), nil
}

// Unrepeatable returns the sets of a run of which a record was forgotten, so that
// nothing can train on them again or be judged on them, each with the entry that
// says so.
func (l *Ledger) Unrepeatable(ctx context.Context, r PlannedRun) ([]Cited[TracedSet], error) {
	return collect(ctx, l, func(row *sql.Rows, v *Cited[TracedSet]) error {
		s := &v.Fact
		return row.Scan(&v.Entry, &s.Digest, &s.Dataset, &s.Role, &s.Records, &s.Tokens, &s.Truncated)
	}, `SELECT max(f.entry), s.digest, s.dataset, s.role, s.records, s.tokens, s.truncated FROM sets s
		JOIN forgotten_sets f ON f.set_digest = s.digest AND f.role = s.role AND f.dataset = s.dataset
		WHERE s.digest IN (?, ?, ?)
		AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.set_digest = s.digest AND m.role = s.role AND m.dataset = s.dataset
			AND m.records = s.records AND `+inForce+`)
		GROUP BY s.id ORDER BY s.entry`, r.TrainSet, r.ValidationSet, r.TestSet)
}
