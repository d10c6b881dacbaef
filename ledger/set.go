package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// RecordDataset adds a file of records. It is added once, by its digest.
func (l *Ledger) RecordDataset(ctx context.Context, d Dataset) error {
	if err := digests("dataset "+d.Path, "digest", d.Digest, "root", d.Root); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return l.update(ctx, func(ctx context.Context, t *transaction) error {
		var known int
		found, err := none(t.row(ctx, "SELECT 1 FROM datasets WHERE digest = ?", d.Digest).Scan(&known))
		if err != nil || found {
			return err
		}
		return t.append(ctx, typeDataset, d)
	})
}

func projectDataset(ctx context.Context, t *transaction, e entry, d Dataset) error {
	_, err := t.insert(ctx, datasetRows, d.Digest, d.Path, d.Bytes, d.Records, d.Root, e.Seq)
	return err
}

// setFact is what the history says of a set. Its members' identifiers are in
// the index, so that they can be deleted; an entry of type membership commits to
// them or, in version 1, List.
type setFact struct {
	Digest    Digest `json:"digest"`
	Dataset   Digest `json:"dataset"`
	Role      string `json:"role"`
	Records   int    `json:"records"`
	Tokens    int    `json:"tokens"`
	Truncated int    `json:"truncated"` // records
	List      Digest `json:"list,omitempty"`
}

// RecordSet adds an ordered set of records with its members, once by its digest,
// role and dataset, and commits to them. A set that was there without a commitment
// to all of them gets one: it is of an older build, or a record was forgotten that
// is there again.
func (l *Ledger) RecordSet(ctx context.Context, s Set) error {
	rows, err := s.rows()
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if known, err := l.Committed(ctx, s, len(s.Members)); err != nil || known {
		return err
	}
	// A million members take seconds: not in the transaction, for which others wait.
	c, err := newCommitment(s, rows, orderOf(rows))
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return l.update(ctx, func(ctx context.Context, t *transaction) error {
		state, err := stateOfSet(ctx, t, s) // another process may have been faster
		if err != nil || state.membership > 0 && state.records == len(s.Members) {
			return err
		}
		if !state.known {
			f := setFact{Digest: s.Digest, Dataset: s.Dataset, Role: s.Role, Records: len(s.Members)}
			for _, m := range s.Members {
				f.Tokens += m.Tokens
				if m.Truncated > 0 {
					f.Truncated++
				}
			}
			if err := t.append(ctx, typeSet, f); err != nil {
				return err
			}
		}
		return t.commit(ctx, c, state.membership)
	})
}

// Committed reports whether the ledger has a set, of which Members need not be
// given, and commits to all of so many members.
func (l *Ledger) Committed(ctx context.Context, s Set, members int) (bool, error) {
	state, err := stateOfSet(ctx, l.read, s)
	return state.membership > 0 && state.records == members, l.explain(err)
}

// setState is what there is of a set.
type setState struct {
	known      bool
	membership int64 // entry in force that commits to members, 0 if there is none
	records    int   // to which it does
}

func stateOfSet(ctx context.Context, q querier, s Set) (state setState, err error) {
	state.known, err = none(q.QueryRowContext(ctx, "SELECT records FROM sets WHERE digest = ? AND role = ? AND dataset = ?", s.Digest, s.Role, s.Dataset).Scan(&state.records))
	if err != nil || !state.known {
		return state, err
	}
	_, err = none(q.QueryRowContext(ctx, "SELECT entry, records FROM memberships m WHERE set_digest = ? AND role = ? AND dataset = ? AND "+inForce,
		s.Digest, s.Role, s.Dataset).Scan(&state.membership, &state.records))
	return state, err
}

// rows checks the set and returns its members' place in the index.
func (s Set) rows() ([]memberRow, error) {
	thing := fmt.Sprintf("set %.12s", s.Digest)
	if err := digests(thing, "digest", s.Digest, "dataset", s.Dataset, "encoding?", s.Encoding); err != nil {
		return nil, err
	}
	switch s.Role {
	case "train", "validation", "test":
	default:
		return nil, invalid(thing, "role is %q", s.Role)
	}
	out := make([]memberRow, len(s.Members))
	seen := make(map[int]bool, len(s.Members))
	for i, m := range s.Members {
		if m.Position < 0 || m.Position >= mostPositions || seen[m.Position] {
			return nil, invalid(thing, "member %d: position %d is none, or another member's", i, m.Position)
		}
		seen[m.Position] = true
		out[i].position, out[i].truncated = uint32(m.Position), m.Truncated > 0 //nolint:gosec // it was compared
		for kind, id := range []struct{ name, value string }{{"record", m.Record}, {"content", m.Content}, {"example", m.Example}, {"near", m.Near}} {
			raw, err := hex.DecodeString(id.value)
			if err != nil || len(raw) != sha256.Size {
				return nil, invalid(thing, "member %d: %s ID is %q, want 64 hex digits", i, id.name, id.value)
			}
			out[i].ids[kind] = [32]byte(raw)
		}
	}
	return out, nil
}

func orderOf(rows []memberRow) []uint32 {
	out := make([]uint32, len(rows))
	for i, r := range rows {
		out[i] = r.position
	}
	return out
}

// listDigest digests identifiers under a name for what they identify.
func listDigest(kind string, packed []byte) Digest {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "daybook %s v1\n", kind) // a hash doesn't fail
	_, _ = h.Write(packed)
	return hex.EncodeToString(h.Sum(nil))
}

func projectSet(ctx context.Context, t *transaction, e entry, f setFact) error {
	return t.exec(ctx, "INSERT INTO sets (digest, dataset, role, records, tokens, truncated, list, entry) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		f.Digest, f.Dataset, f.Role, f.Records, f.Tokens, f.Truncated, f.List, e.Seq)
}

// Dataset returns a file of records by its digest or the start of one.
func (l *Ledger) Dataset(ctx context.Context, digest Digest) (Dataset, error) {
	digest, err := l.complete(ctx, "dataset", "SELECT digest FROM datasets WHERE digest >= ? AND digest < ? ORDER BY digest", digest)
	if err != nil {
		return Dataset{}, err
	}
	d := Dataset{Digest: digest}
	err = l.read.QueryRowContext(ctx, "SELECT path, bytes, records, root FROM datasets WHERE digest = ?", digest).
		Scan(&d.Path, &d.Bytes, &d.Records, &d.Root)
	return d, l.explain(err)
}

// Set returns the newest set with a digest, or the start of one, without its members.
func (l *Ledger) Set(ctx context.Context, digest Digest) (Set, error) {
	digest, err := l.complete(ctx, "set", "SELECT DISTINCT digest FROM sets WHERE digest >= ? AND digest < ? ORDER BY digest", digest)
	if err != nil {
		return Set{}, err
	}
	s := Set{Digest: digest}
	err = l.read.QueryRowContext(ctx, "SELECT dataset, role, records, tokens, truncated FROM sets WHERE digest = ? ORDER BY id DESC LIMIT 1", digest).
		Scan(&s.Dataset, &s.Role, &s.Records, &s.Tokens, &s.Truncated)
	return s, l.explain(err)
}

// Members returns the records of the newest set with a digest, in its order. Those
// that were forgotten are not among them. Sets that an older build recorded have
// IDs under the record key itself, and neither Position nor Near.
func (l *Ledger) Members(ctx context.Context, digest Digest) ([]Member, error) {
	var list Digest
	var membership int64
	err := l.read.QueryRowContext(ctx, `SELECT s.list, coalesce(m.entry, 0) FROM sets s
		LEFT JOIN memberships m ON m.set_digest = s.digest AND m.role = s.role AND m.dataset = s.dataset AND `+inForce+`
		WHERE s.digest = ? ORDER BY s.id DESC LIMIT 1`, digest).Scan(&list, &membership)
	if err != nil {
		return nil, l.explain(err)
	}
	if membership == 0 {
		return l.earlierMembers(ctx, list)
	}
	rows, err := committedRows(ctx, l.read, membership)
	if err != nil {
		return nil, l.explain(err)
	}
	out := make([]Member, len(rows))
	for i, r := range rows {
		out[i] = Member{
			Position: int(r.position), Record: hex.EncodeToString(r.ids[0][:]), Content: hex.EncodeToString(r.ids[1][:]),
			Example: hex.EncodeToString(r.ids[2][:]), Near: hex.EncodeToString(r.ids[3][:]),
		}
		if r.truncated {
			out[i].Truncated = 1
		}
	}
	return out, nil
}
