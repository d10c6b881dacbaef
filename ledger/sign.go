package ledger

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"daybook/ledger/evidence"
	"daybook/ledger/keyring"
)

// Errors about who may add to a ledger.
var (
	// ErrNoKey says that the private key which signs the ledger is not here.
	ErrNoKey = errors.New("its key is not on this machine")
	// ErrRolledBack says that the ledger is not the one that was last written here:
	// an older copy was put back, or its history was changed.
	ErrRolledBack = errors.New("its history is not the one that was last signed here")
)

const newOriginHint = "'daybook ledger key --new-origin REASON' goes on under another identity, which shows as a break"

// signedHead is a head that a transaction has made.
type signedHead struct {
	evidence.Head
	note []byte // nil if the transaction added nothing
}

// authority is who signs a ledger's heads just now.
type authority struct {
	origin, key string
	signer      note.Signer
}

// admit makes sure, before a transaction adds its first entry, that what it adds
// can be signed, and that it goes on from the history that was signed last. A log
// that nobody signs yet begins with the entry that says who does.
func (t *transaction) admit(ctx context.Context) error {
	l := t.ledger
	if l.keys == nil {
		return hinted{fmt.Errorf("%w: it was opened without keys", ErrNoKey), "this is a mistake in Daybook: report it"}
	}
	current, found, err := t.authority(ctx)
	if err != nil {
		return err
	}
	if !found {
		reason := reasonFirst
		if t.last > 0 {
			reason = reasonAdopted
		}
		return t.beginOrigin(ctx, originFact{Reason: reason})
	}
	if l.authority.key != current.key {
		if err := t.recognize(ctx, &current); err != nil {
			return err
		}
		l.authority = current // if the transaction fails, it is still in force
	}
	t.authorized = l.authority
	return nil
}

// authority returns the key in force, without its private half.
func (t *transaction) authority(ctx context.Context) (a authority, found bool, err error) {
	found, err = none(t.row(ctx, "SELECT origin, key FROM signers ORDER BY entry DESC LIMIT 1").Scan(&a.origin, &a.key))
	return a, found, err
}

// recognize gets the private key, and compares the log with the last head that
// it has signed on this machine.
func (t *transaction) recognize(ctx context.Context, a *authority) (err error) {
	a.signer, err = t.ledger.keys.Signer(a.key)
	if errors.Is(err, keyring.ErrNoKey) {
		return hinted{fmt.Errorf("%w: %s", ErrNoKey, a.key), "copy it from the machine that has it ('daybook ledger key' says where it is); if it is lost, " + newOriginHint}
	}
	if err != nil {
		return err
	}
	seen, found, err := t.ledger.seen(a.origin)
	if err != nil || !found {
		return err
	}
	if seen.Size > t.last {
		return hinted{
			fmt.Errorf("%w: it has %d entries, the last head signed here %d", ErrRolledBack, t.last, seen.Size),
			"put the newer copy back; if there is none, " + newOriginHint,
		}
	}
	root, err := t.tree.root(ctx, seen.Size)
	if err != nil {
		return err
	}
	if root != seen.Root {
		return hinted{
			fmt.Errorf("%w: its first %d entries have another root", ErrRolledBack, seen.Size),
			"'daybook verify' says what was changed; put a sound copy back, or " + newOriginHint,
		}
	}
	return nil
}

// seen returns the last head of a log that this machine knows.
func (l *Ledger) seen(origin string) (h evidence.Head, found bool, err error) {
	signed, err := l.keys.Seen(origin)
	if err != nil || signed == nil {
		return h, false, err
	}
	h, err = evidence.PeekHead(signed)
	if err == nil && h.Origin != origin {
		err = fmt.Errorf("head: %w: it is of %s", evidence.ErrForm, h.Origin)
	}
	if err != nil {
		return h, false, hinted{fmt.Errorf("last head beside the key: %w", err), "restore the file from a backup, or remove it: then an older ledger put back is not noticed"}
	}
	return h, true, nil
}

// sign makes the head over all entries, if the transaction has added any.
func (t *transaction) sign(ctx context.Context) (signedHead, error) {
	if t.last == t.before {
		return signedHead{}, nil
	}
	root, err := t.tree.root(ctx, t.last)
	if err != nil {
		return signedHead{}, fmt.Errorf("head: %w", err)
	}
	h := signedHead{Head: evidence.Head{Origin: t.authorized.origin, Size: t.last, Root: root}}
	t.ledger.authority = t.authorized
	if h.note, err = h.Sign(t.authorized.signer); err != nil {
		return signedHead{}, err
	}
	return h, t.exec(ctx, "INSERT INTO head (id, size, note) VALUES (1, ?, ?) ON CONFLICT (id) DO UPDATE SET size = excluded.size, note = excluded.note",
		h.Size, string(h.note))
}

// committed follows a transaction that has added entries: its head is kept
// beside the key. A crash before that leaves the head of an earlier transaction
// there, from which the ledger's history goes on.
func (l *Ledger) committed(h signedHead) error {
	if h.note == nil {
		return nil
	}
	if err := l.keys.See(h.Origin, h.note); err != nil {
		return fmt.Errorf("ledger: %s: entry %d is in it, but its head can't be kept beside the key: %w", l.path, h.Size, err)
	}
	return nil
}
