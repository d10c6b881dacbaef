package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"daybook/ledger/evidence"
)

const typeAnchor = "anchor"

// Kinds of anchor.
const (
	AnchorFile    = "file"    // a file that holds the head
	AnchorTag     = "tag"     // a git tag whose message is the head
	AnchorWitness = "witness" // a witness's signature under the head
)

// Anchor is a signed head that is kept where the holder of the key doesn't reach
// it: from then on the history up to there can't be changed unnoticed.
type Anchor struct {
	Entry int64  `json:"entry,omitempty"` // assigned by the ledger
	Kind  string `json:"kind"`
	Place string `json:"place"` // path relative to the root, name of the tag, or the witness's public key
	Note  string `json:"note"`  // the head as it is there
}

// RecordAnchor adds the fact that a head of this log is kept elsewhere. The error
// wraps ErrConflict if the head is none of this log's.
func (l *Ledger) RecordAnchor(ctx context.Context, a Anchor) error {
	return l.update(ctx, func(ctx context.Context, t *transaction) error {
		if err := t.checkAnchor(ctx, a); err != nil {
			return fmt.Errorf("anchor %s: %w", a.Place, err)
		}
		var known int
		found, err := none(t.row(ctx, "SELECT 1 FROM anchors WHERE kind = ? AND place = ? AND note = ?", a.Kind, a.Place, a.Note).Scan(&known))
		if err != nil || found {
			return err
		}
		a.Entry = 0
		return t.append(ctx, typeAnchor, a)
	})
}

func (t *transaction) checkAnchor(ctx context.Context, a Anchor) error {
	head, key, err := t.known(ctx, a.Note)
	if err != nil {
		return err
	}
	switch a.Kind {
	case AnchorFile, AnchorTag:
		if a.Place == "" || strings.HasPrefix(a.Place, "/") {
			return invalid("anchor", "place is %q", a.Place)
		}
	case AnchorWitness:
		witness, err := evidence.NewVerifier(a.Place)
		if err != nil {
			return err
		}
		if _, _, err := evidence.OpenHead([]byte(a.Note), key, witness); err != nil {
			return err
		}
	default:
		return invalid("anchor", "kind is %q", a.Kind)
	}
	return t.goesOnFrom(ctx, head)
}

// goesOnFrom compares the log with an earlier head of it.
func (t *transaction) goesOnFrom(ctx context.Context, head evidence.Head) error {
	if head.Size > t.last {
		return fmt.Errorf("%w: the head is of %d entries, the ledger has %d", ErrConflict, head.Size, t.last)
	}
	root, err := t.tree.root(ctx, head.Size)
	if err != nil {
		return err
	}
	if root != head.Root {
		return fmt.Errorf("%w: the first %d entries have another root than the head", ErrConflict, head.Size)
	}
	return nil
}

// GoesOnFrom reports whether a signed head is one of this log's, now or earlier.
// The error wraps ErrConflict if it isn't.
func (l *Ledger) GoesOnFrom(ctx context.Context, signed []byte) error {
	return l.update(ctx, func(ctx context.Context, t *transaction) error {
		head, _, err := t.known(ctx, string(signed))
		if err != nil {
			return err
		}
		return t.goesOnFrom(ctx, head)
	})
}

// known reads a head that one of the log's keys has signed, and returns the key.
func (t *transaction) known(ctx context.Context, signed string) (evidence.Head, note.Verifier, error) {
	peeked, err := evidence.PeekHead([]byte(signed))
	if err != nil {
		return evidence.Head{}, nil, err
	}
	rows, err := t.QueryContext(ctx, "SELECT key FROM signers WHERE origin = ? ORDER BY entry DESC", peeked.Origin)
	if err != nil {
		return evidence.Head{}, nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var public string
		if err := rows.Scan(&public); err != nil {
			return evidence.Head{}, nil, err
		}
		key, err := note.NewVerifier(public)
		if err != nil {
			return evidence.Head{}, nil, fmt.Errorf("key %q: %w", public, err)
		}
		if h, _, err := evidence.OpenHead([]byte(signed), key); err == nil {
			return h, key, nil
		}
	}
	if err := rows.Err(); err != nil {
		return evidence.Head{}, nil, err
	}
	return evidence.Head{}, nil, fmt.Errorf("%w: no key of this log has signed it", ErrConflict)
}

func projectAnchor(ctx context.Context, t *transaction, e entry, a Anchor) error {
	head, err := evidence.PeekHead([]byte(a.Note))
	if err != nil {
		return err
	}
	return t.exec(ctx, "INSERT INTO anchors (entry, kind, place, size, root, note) VALUES (?, ?, ?, ?, ?, ?)",
		e.Seq, a.Kind, a.Place, head.Size, head.Root.String(), a.Note)
}

// Anchors returns where heads are kept, oldest first.
func (l *Ledger) Anchors(ctx context.Context) ([]Anchor, error) {
	return collect(ctx, l, func(row *sql.Rows, a *Anchor) error {
		return row.Scan(&a.Entry, &a.Kind, &a.Place, &a.Note)
	}, "SELECT entry, kind, place, note FROM anchors ORDER BY entry")
}
