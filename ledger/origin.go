package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"daybook/ledger/evidence"
)

const typeMerged = "merged"

// Origin is another machine's log, of which a copy is kept beside this ledger. It
// stays a log of its own: none of its entries are added here, only its head, so that
// this ledger's head is over that too, and what comes later must go on from it.
type Origin struct {
	Entry   int64     `json:"entry,omitempty"` // assigned by the ledger
	Name    string    `json:"name"`            // its runs and versions are known by it here, as in laptop/clinical@v7
	Origin  string    `json:"origin"`          // identity of the log; "" if nobody has signed it
	Key     string    `json:"key"`             // public, in force; "" likewise
	Entries int64     `json:"entries"`         // that the head is over
	Root    string    `json:"root"`            // base64
	Note    string    `json:"note"`            // the head, signed; "" likewise
	Time    time.Time `json:"time"`            // at which it was merged
}

// Unauthenticated reports whether nobody has signed the log: that it is as it was
// written is then nobody's word.
func (o Origin) Unauthenticated() bool { return o.Note == "" }

var originName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)

// ValidOriginName reports whether an origin may be called so: letters, digits and
// "-" inside, 63 at the most.
func ValidOriginName(name string) bool { return originName.MatchString(name) }

// RecordOrigin adds the fact that another log was merged, as far as its head says.
// The same head under the same name is not added again. The error wraps ErrInvalid if
// the head is not signed by the key, and ErrConflict if the log is this one, or
// shorter than it was. That it goes on from the earlier head is the caller's to
// check, who has the log.
func (l *Ledger) RecordOrigin(ctx context.Context, o Origin) error {
	if err := o.check(); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return l.update(ctx, func(ctx context.Context, t *transaction) error {
		thing := "origin " + o.Name
		var n int
		found, err := none(t.row(ctx, "SELECT 1 FROM signers WHERE origin = ? LIMIT 1", o.Origin).Scan(&n))
		if err != nil {
			return err
		}
		if found {
			return fmt.Errorf("%s: %w: it is this ledger's own log", thing, ErrConflict)
		}
		var entries int64
		var root string
		found, err = none(t.row(ctx, "SELECT entries, root FROM origins WHERE name = ? ORDER BY entry DESC LIMIT 1", o.Name).Scan(&entries, &root))
		switch {
		case err != nil:
			return err
		case found && entries == o.Entries && root == o.Root:
			return nil
		case found && entries >= o.Entries:
			return fmt.Errorf("%s: %w: a head over %d entries, with another root or fewer than before", thing, ErrConflict, entries)
		}
		if o.Entry = 0; o.Time.IsZero() {
			o.Time = t.time
		}
		o.Time = o.Time.UTC()
		return t.append(ctx, typeMerged, o)
	})
}

// check compares what is said of a head with the head.
func (o Origin) check() error {
	thing := "origin " + o.Name
	if !ValidOriginName(o.Name) {
		return invalid("origin", "name is %q", o.Name)
	}
	root, err := tlog.ParseHash(o.Root)
	if err != nil || o.Entries < 1 {
		return invalid(thing, "%d entries with root %q", o.Entries, o.Root)
	}
	if o.Unauthenticated() {
		if o.Origin != "" || o.Key != "" {
			return invalid(thing, "it has a key and no signature")
		}
		return nil
	}
	key, err := note.NewVerifier(o.Key)
	if err != nil {
		return invalid(thing, "key: %v", err)
	}
	h, _, err := evidence.OpenHead([]byte(o.Note), key)
	if err != nil {
		return invalid(thing, "head: %v", err)
	}
	if h.Origin != o.Origin || h.Size != o.Entries || h.Root != root {
		return invalid(thing, "the head is of %s, %d entries, root %s", h.Origin, h.Size, h.Root)
	}
	return nil
}

func projectMerged(ctx context.Context, t *transaction, e entry, o Origin) error {
	return t.exec(ctx, "INSERT INTO origins (entry, name, origin, key, entries, root, note, time) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		e.Seq, o.Name, o.Origin, o.Key, o.Entries, o.Root, o.Note, formatTime(o.Time))
}

// Origins returns the logs that were merged, each as it was merged last, by name.
func (l *Ledger) Origins(ctx context.Context) ([]Origin, error) {
	return l.origins(ctx, "WHERE entry = (SELECT max(entry) FROM origins n WHERE n.name = origins.name) ORDER BY name")
}

// OriginHeads returns an origin as it was each time that it was merged, oldest first.
func (l *Ledger) OriginHeads(ctx context.Context, name string) ([]Origin, error) {
	return l.origins(ctx, "WHERE name = ? ORDER BY entry", name)
}

func (l *Ledger) origins(ctx context.Context, which string, args ...any) ([]Origin, error) {
	return collect(ctx, l, func(row *sql.Rows, o *Origin) error {
		return row.Scan(&o.Entry, &o.Name, &o.Origin, &o.Key, &o.Entries, &o.Root, &o.Note, instant{&o.Time})
	}, "SELECT entry, name, origin, key, entries, root, note, time FROM origins "+which, args...)
}

// AsOrigin returns the log itself as somebody who merges it records it: its size, its
// root and, if anybody has signed it, the newest head with its key. The name is left
// to them.
func (l *Ledger) AsOrigin(ctx context.Context) (o Origin, err error) {
	head, key, err := l.Head(ctx)
	if err != nil {
		return o, err
	}
	if key != nil {
		s, err := l.signer(ctx)
		if err != nil {
			return o, err
		}
		h, _, err := evidence.OpenHead(head, key)
		if err != nil {
			return o, fmt.Errorf("ledger: head: %w", err)
		}
		return Origin{Origin: s.Origin, Key: s.Key, Entries: h.Size, Root: h.Root.String(), Note: string(head)}, nil
	}
	if err := l.read.QueryRowContext(ctx, "SELECT count(*) FROM entries").Scan(&o.Entries); err != nil || o.Entries == 0 {
		return o, l.explain(err)
	}
	root, err := l.RootOver(ctx, o.Entries)
	o.Root = root
	return o, err
}

// RootOver returns the root of the Merkle tree over the first n entries, in base64,
// from the hashes that are kept: Verify tells whether those are right.
func (l *Ledger) RootOver(ctx context.Context, n int64) (string, error) {
	tx, err := l.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return "", l.explain(err)
	}
	defer func() { _ = tx.Rollback() }() // it has changed nothing
	root, err := newTransaction(tx, l).tree.root(ctx, n)
	if err != nil {
		return "", l.explain(err)
	}
	return root.String(), nil
}
