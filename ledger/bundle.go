package ledger

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"daybook/ledger/evidence"
)

// Names of files in a bundle. The package comment describes the format.
const (
	bundleMark        = "daybook-bundle"
	bundleVersion     = "daybook bundle v1\n"
	bundleEntries     = "entries.jsonl"
	bundleHead        = "head"
	bundleAnchors     = "anchors/%03d"
	bundleFiles       = "artifacts/sha256/%s/%s"
	bundleConsistency = "consistency/%d"
	bundleProofs      = "proofs/%d.tlog-proof"
	bundleMembers     = "membership.json"
)

// Bundle says what goes into a bundle beside the log.
type Bundle struct {
	Heads     []KnownHead // from elsewhere
	Artifacts []Digest
	Open      func(Digest) (io.ReadCloser, error) // an artifact
	Members   *evidence.MembershipProofs          // nil if nothing is proved of a record
}

// WriteBundle writes the whole log, its newest head and what b holds as a zip file.
// The same ledger and b give the same bytes.
func (l *Ledger) WriteBundle(ctx context.Context, w io.Writer, b Bundle) error {
	err := l.writeBundle(ctx, zip.NewWriter(w), b)
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	return nil
}

func (l *Ledger) writeBundle(ctx context.Context, z *zip.Writer, b Bundle) (err error) {
	add := func(name string, r io.Reader) error { return addFile(z, name, r) }
	head, key, err := l.Head(ctx)
	if err != nil {
		return err
	}
	if key == nil {
		return fmt.Errorf("%w: nothing is signed yet", ErrNotFound)
	}
	h, _, err := evidence.OpenHead(head, key)
	if err != nil {
		return err
	}
	if err := errors.Join(add(bundleMark, bytes.NewReader([]byte(bundleVersion))), add(bundleHead, bytes.NewReader(head))); err != nil {
		return err
	}
	for i, known := range b.Heads {
		if err := add(fmt.Sprintf(bundleAnchors, i+1), bytes.NewReader(known.Note)); err != nil {
			return err
		}
	}
	entries, err := z.Create(bundleEntries)
	if err != nil {
		return err
	}
	if err := l.entries(ctx, h.Size, func(e evidence.Entry) error {
		_, err := entries.Write(append(e.Leaf(), '\n'))
		return err
	}); err != nil {
		return err
	}
	for _, digest := range b.Artifacts {
		r, err := b.Open(digest)
		if err != nil {
			return err
		}
		if err := errors.Join(add(fmt.Sprintf(bundleFiles, digest[:2], digest[2:]), r), r.Close()); err != nil {
			return err
		}
	}
	if b.Members != nil {
		data, err := json.MarshalIndent(b.Members, "", " ")
		if err == nil {
			err = add(bundleMembers, bytes.NewReader(append(data, '\n')))
		}
		if err != nil {
			return err
		}
	}
	return z.Close()
}

// entries calls f with the first n entries.
func (l *Ledger) entries(ctx context.Context, n int64, f func(evidence.Entry) error) error {
	rows, err := l.read.QueryContext(ctx, "SELECT seq, time, type, version, body FROM entries WHERE seq <= ? ORDER BY seq", n)
	if err != nil {
		return l.explain(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var e evidence.Entry
		if err := rows.Scan(&e.Seq, &e.Time, &e.Type, &e.Version, (*[]byte)(&e.Body)); err != nil {
			return l.explain(err)
		}
		if err := f(e); err != nil {
			return err
		}
	}
	return l.explain(rows.Err())
}
