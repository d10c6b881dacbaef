package ledger

import (
	"context"
	"crypto/ecdsa"
	"database/sql"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"daybook/ledger/evidence"
	"daybook/ledger/keyring"
)

// Types of entry about the log itself.
const (
	typeOrigin = "origin"
	typeKey    = "key"
)

// Why an origin was begun, other than for a reason that somebody gave.
const (
	reasonFirst   = "first entry"
	reasonAdopted = "the ledger was written before it was a log"
)

// Signer is a key by which heads are signed from an entry on.
type Signer struct {
	Entry    int64  `json:"entry"`
	Origin   string `json:"origin"`
	Key      string `json:"key"`      // public
	Replaces string `json:"replaces"` // key that it follows by a rotation; "" if it begins an origin
	Vouches  int64  `json:"vouches"`  // first entry that was signed by this origin when it was added
	Reason   string `json:"reason"`   // why it begins an origin; "" for a rotation
}

// Break reports whether entries before this one are vouched for by nobody but
// their copy: the log goes on under another identity than it had.
func (s Signer) Break() bool { return s.Replaces == "" && s.Entry > 1 }

// originFact begins an origin: the identity of the log from this entry on.
type originFact struct {
	Origin string `json:"origin"`
	Key    string `json:"key"`
	Before int64  `json:"before"` // entries that were there
	Reason string `json:"reason"`
	Cites  string `json:"cites"` // last signed head of the origin before; "" if there is none
}

// keyFact replaces a key. Both keys sign the statement.
type keyFact struct {
	Statement string `json:"statement"` // evidence.Rotation
}

// beginOrigin adds the entry of another origin, with a key of its own.
func (t *transaction) beginOrigin(ctx context.Context, f originFact) error {
	l := t.ledger
	a := l.unused
	var known int
	used, err := none(t.row(ctx, "SELECT 1 FROM signers WHERE key = ?", a.key).Scan(&known))
	if err != nil {
		return err
	}
	if a.signer == nil || used {
		a.origin = keyring.NewOrigin()
		if a.signer, a.key, err = l.keys.Make(a.origin, ""); err != nil {
			return err
		}
		l.unused = a
	}
	f.Origin, f.Key, f.Before = a.origin, a.key, t.last
	body, err := evidence.Canonical(f)
	if err != nil {
		return err
	}
	t.authorized = a
	return t.add(ctx, typeOrigin, versions[typeOrigin], body)
}

func projectOrigin(ctx context.Context, t *transaction, e entry, f originFact) error {
	return t.exec(ctx, "INSERT INTO signers (entry, origin, key, replaces, vouches, reason) VALUES (?, ?, ?, '', ?, ?)", e.Seq, f.Origin, f.Key, e.Seq, f.Reason)
}

func projectKey(ctx context.Context, t *transaction, e entry, f keyFact) error {
	r, err := evidence.OpenRotation(f.Statement)
	if err != nil {
		return err
	}
	return t.exec(ctx, `INSERT INTO signers (entry, origin, key, replaces, vouches, reason)
		SELECT ?, ?, ?, ?, vouches, '' FROM signers ORDER BY entry DESC LIMIT 1`, e.Seq, r.Head.Origin, r.New, r.Old)
}

// Rotate replaces the key that signs heads by a new one, which it returns; both
// sign the statement that says so. The old private key is then removed.
func (l *Ledger) Rotate(ctx context.Context) (Signer, error) {
	var old string
	err := l.update(ctx, func(ctx context.Context, t *transaction) error {
		if err := t.admit(ctx); err != nil {
			return err
		}
		root, err := t.tree.root(ctx, t.last)
		if err != nil {
			return err
		}
		from := t.authorized
		old = from.key
		to := authority{origin: from.origin}
		if to.signer, to.key, err = l.keys.Make(from.origin, from.key); err != nil {
			return err
		}
		statement, err := evidence.Rotation{Head: evidence.Head{Origin: from.origin, Size: t.last, Root: root}, Old: from.key, New: to.key}.Sign(from.signer, to.signer)
		if err != nil {
			return err
		}
		body, err := evidence.Canonical(keyFact{statement})
		if err != nil {
			return err
		}
		t.authorized = to
		return t.add(ctx, typeKey, versions[typeKey], body)
	})
	if err != nil {
		return Signer{}, err
	}
	if err := l.keys.Remove(old); err != nil {
		return Signer{}, fmt.Errorf("ledger: the key is replaced, but the old one is still there: %w", err)
	}
	return l.signer(ctx)
}

// NewOrigin makes the log go on under another identity, for a reason that it
// keeps: its key was lost, or a copy was restored that is older than the last head
// signed. Whoever checks the log sees a break there.
func (l *Ledger) NewOrigin(ctx context.Context, reason string) (Signer, error) {
	err := l.update(ctx, func(ctx context.Context, t *transaction) error {
		if l.keys == nil || t.last == 0 || reason == "" {
			return invalid("new origin", "it takes a ledger with entries, keys and a reason")
		}
		cites, err := t.lastHead(ctx)
		if err != nil {
			return err
		}
		return t.beginOrigin(ctx, originFact{Reason: reason, Cites: cites})
	})
	if err != nil {
		return Signer{}, err
	}
	return l.signer(ctx)
}

// lastHead returns the last signed head of the log that is known here.
func (t *transaction) lastHead(ctx context.Context) (string, error) {
	var size int64
	var signed string
	if _, err := none(t.row(ctx, "SELECT size, note FROM head").Scan(&size, &signed)); err != nil {
		return "", err
	}
	current, found, err := t.authority(ctx)
	if err != nil || !found {
		return signed, err
	}
	data, err := t.ledger.keys.Seen(current.origin)
	if err != nil || data == nil {
		return signed, err
	}
	seen, err := evidence.PeekHead(data)
	if err != nil || seen.Size < size { // it is nobody's word then
		return signed, nil //nolint:nilerr // an unreadable file is no reason not to go on
	}
	return string(data), nil
}

// Signers returns the keys that have signed the log's heads, oldest first.
func (l *Ledger) Signers(ctx context.Context) ([]Signer, error) {
	return collect(ctx, l, func(row *sql.Rows, s *Signer) error {
		return row.Scan(&s.Entry, &s.Origin, &s.Key, &s.Replaces, &s.Vouches, &s.Reason)
	}, "SELECT entry, origin, key, replaces, vouches, reason FROM signers ORDER BY entry")
}

// Rotations returns the entries by which keys of the log's present origin were replaced,
// in their order. With them whoever knows an older key can tell that the newest follows
// from it.
func (l *Ledger) Rotations(ctx context.Context) ([]evidence.Entry, error) {
	return collect(ctx, l, func(row *sql.Rows, e *evidence.Entry) error {
		return row.Scan(&e.Seq, &e.Time, &e.Type, &e.Version, (*[]byte)(&e.Body))
	}, `SELECT seq, time, type, version, body FROM entries
		WHERE type = ? AND seq > (SELECT coalesce(max(seq), 0) FROM entries WHERE type = ?) ORDER BY seq`, typeKey, typeOrigin)
}

// signer returns the key in force.
func (l *Ledger) signer(ctx context.Context) (Signer, error) {
	all, err := l.Signers(ctx)
	if err != nil || len(all) == 0 {
		return Signer{}, err
	}
	return all[len(all)-1], nil
}

// Head returns the newest head, as a note, and its key. Both are nil if nothing
// was added to the log yet.
func (l *Ledger) Head(ctx context.Context) ([]byte, note.Verifier, error) {
	s, err := l.signer(ctx)
	if err != nil || s.Key == "" {
		return nil, nil, err
	}
	key, err := note.NewVerifier(s.Key)
	if err != nil {
		return nil, nil, fmt.Errorf("ledger: key %q: %w", s.Key, err)
	}
	var signed string
	if err := l.read.QueryRowContext(ctx, "SELECT note FROM head").Scan(&signed); err != nil {
		return nil, nil, l.explain(err)
	}
	return []byte(signed), key, nil
}

// Attestation returns the key that signs the provenance of this ledger's adapters,
// made on first use. The log has entries, and is opened with keys.
func (l *Ledger) Attestation(ctx context.Context) (*ecdsa.PrivateKey, error) {
	s, err := l.signer(ctx)
	if err != nil {
		return nil, err
	}
	if l.keys == nil || s.Key == "" {
		return nil, fmt.Errorf("ledger: attestation: %w", ErrNoKey)
	}
	key, err := l.keys.Attestation(s.Origin, s.Key)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	return key, nil
}
