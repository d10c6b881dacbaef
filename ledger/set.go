package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"daybook/ledger/internal/hexdigest"
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

func projectDataset(ctx context.Context, t *transaction, e entry) error {
	d, err := decodeBody[Dataset](e)
	if err != nil {
		return err
	}
	return t.exec(ctx, "INSERT INTO datasets (digest, path, bytes, records, root, entry) VALUES (?, ?, ?, ?, ?, ?)",
		d.Digest, d.Path, d.Bytes, d.Records, d.Root, e.Seq)
}

// setFact is what the history says of a set. Its members' identifiers are in
// the index, so that they can be deleted; List commits to them.
type setFact struct {
	Digest    Digest `json:"digest"`
	Dataset   Digest `json:"dataset"`
	Role      string `json:"role"`
	Records   int    `json:"records"`
	Tokens    int    `json:"tokens"`
	Truncated int    `json:"truncated"` // records
	List      Digest `json:"list"`
}

// RecordSet adds an ordered set of records with its members. It is added once,
// by its digest, role and dataset.
func (l *Ledger) RecordSet(ctx context.Context, s Set) error {
	members, err := s.pack()
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	f := setFact{Digest: s.Digest, Dataset: s.Dataset, Role: s.Role, Records: len(s.Members), List: listDigest("members", members)}
	for _, m := range s.Members {
		f.Tokens += m.Tokens
		if m.Truncated > 0 {
			f.Truncated++
		}
	}
	return l.update(ctx, func(ctx context.Context, t *transaction) error {
		var known int
		found, err := none(t.row(ctx, "SELECT 1 FROM sets WHERE digest = ? AND role = ? AND dataset = ?", s.Digest, s.Role, s.Dataset).Scan(&known))
		if err != nil || found {
			return err
		}
		if err := t.indexMembers(ctx, f.List, members, s.Members); err != nil {
			return fmt.Errorf("set %.12s: %w", s.Digest, err)
		}
		return t.append(ctx, typeSet, f)
	})
}

// memberSize is the packed size of a member: three IDs and two counts.
const memberSize = 3*sha256.Size + 2*8

// pack checks the set and returns its members' fixed-size encodings, one after
// the other, which is what List is the digest of.
func (s Set) pack() ([]byte, error) {
	thing := fmt.Sprintf("set %.12s", s.Digest)
	if err := digests(thing, "digest", s.Digest, "dataset", s.Dataset); err != nil {
		return nil, err
	}
	switch s.Role {
	case "train", "validation", "test":
	default:
		return nil, invalid(thing, "role is %q", s.Role)
	}
	out := make([]byte, 0, len(s.Members)*memberSize)
	for i, m := range s.Members {
		for _, id := range []struct{ name, value string }{{"record", m.Record}, {"content", m.Content}, {"example", m.Example}} {
			if !hexdigest.Valid(id.value) {
				return nil, invalid(thing, "member %d: %s ID is %q, want 64 hex digits", i, id.name, id.value)
			}
			out, _ = hex.AppendDecode(out, []byte(id.value)) // hexdigest.Valid has looked at every digit
		}
		out = binary.LittleEndian.AppendUint64(out, uint64(m.Tokens))
		out = binary.LittleEndian.AppendUint64(out, uint64(m.Truncated))
	}
	return out, nil
}

// listDigest digests identifiers under a name for what they identify.
func listDigest(kind string, packed []byte) Digest {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "daybook %s v1\n", kind) // a hash doesn't fail
	_, _ = h.Write(packed)
	return hex.EncodeToString(h.Sum(nil))
}

// indexMembers keeps members' identifiers, once per list.
func (t *transaction) indexMembers(ctx context.Context, digest Digest, packed []byte, members []Member) error {
	var list int64
	found, err := none(t.row(ctx, "SELECT id FROM member_lists WHERE digest = ?", digest).Scan(&list))
	if err != nil || found {
		return err
	}
	if err := t.row(ctx, "INSERT INTO member_lists (digest) VALUES (?) RETURNING id", digest).Scan(&list); err != nil {
		return err
	}
	for i, m := range members {
		ids := packed[i*memberSize:]
		if err := t.exec(ctx, "INSERT INTO members (list, position, record, content, example, tokens, truncated) VALUES (?, ?, ?, ?, ?, ?, ?)",
			list, i, ids[:32], ids[32:64], ids[64:96], m.Tokens, m.Truncated); err != nil {
			return err
		}
	}
	return nil
}

func projectSet(ctx context.Context, t *transaction, e entry) error {
	f, err := decodeBody[setFact](e)
	if err != nil {
		return err
	}
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

// Set returns the newest set with a digest, or the start of one, with its members.
func (l *Ledger) Set(ctx context.Context, digest Digest) (Set, error) {
	digest, err := l.complete(ctx, "set", "SELECT DISTINCT digest FROM sets WHERE digest >= ? AND digest < ? ORDER BY digest", digest)
	if err != nil {
		return Set{}, err
	}
	s := Set{Digest: digest}
	var list Digest
	var records int
	err = l.read.QueryRowContext(ctx, "SELECT dataset, role, records, list FROM sets WHERE digest = ? ORDER BY id DESC LIMIT 1", digest).
		Scan(&s.Dataset, &s.Role, &records, &list)
	if err != nil {
		return Set{}, l.explain(err)
	}
	s.Members = make([]Member, 0, records)
	rows, err := l.read.QueryContext(ctx, `SELECT lower(hex(record)), lower(hex(content)), lower(hex(example)), tokens, truncated
		FROM members WHERE list = (SELECT id FROM member_lists WHERE digest = ?) ORDER BY position`, list)
	if err != nil {
		return Set{}, l.explain(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var m Member
		if err := rows.Scan(&m.Record, &m.Content, &m.Example, &m.Tokens, &m.Truncated); err != nil {
			return Set{}, l.explain(err)
		}
		s.Members = append(s.Members, m)
	}
	return s, l.explain(rows.Err())
}
