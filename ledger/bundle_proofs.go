package ledger

import (
	"archive/zip"
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/tlog"

	"daybook/ledger/evidence"
)

// BundledFile is a file in a bundle that is under a name of its own.
type BundledFile struct {
	Name string
	Data []byte
}

// WriteProofs writes single entries, each with the proof that it is in the log of the
// newest head, the heads that were anchored and what shows that the log goes on from
// them, and files as a bundle. The same ledger, entries and files give the same
// bytes. The error wraps ErrNotFound if an entry isn't there.
func (l *Ledger) WriteProofs(ctx context.Context, w io.Writer, seqs []int64, files []BundledFile) error {
	all := []BundledFile{{bundleMark, []byte(bundleVersion)}}
	var leaves []byte
	err := l.proveEach(ctx, seqs, func(e evidence.Entry, p evidence.Proof) error {
		if len(all) == 1 {
			all = append(all, BundledFile{bundleHead, p.Head})
		}
		all = append(all, BundledFile{fmt.Sprintf(bundleProofs, e.Seq), p.Text()})
		leaves = append(append(leaves, e.Leaf()...), '\n')
		return nil
	})
	if err != nil {
		return l.explain(fmt.Errorf("bundle: %w", err))
	}
	if len(seqs) > 0 {
		anchors, err := l.anchorsUnder(ctx, all[1].Data)
		if err != nil {
			return l.explain(fmt.Errorf("bundle: %w", err))
		}
		all = append(all, anchors...)
	}
	z := zip.NewWriter(w)
	for _, f := range append(append(all, BundledFile{bundleEntries, leaves}), files...) {
		if err := addFile(z, f.Name, bytes.NewReader(f.Data)); err != nil {
			return fmt.Errorf("bundle: %w", err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	return nil
}

// anchorsUnder returns the heads that were anchored before a head was signed, once
// each, and for each number of entries the proof that the head's log goes on from them.
// A head over entries that are lost since a break, which the break says, has none.
func (l *Ledger) anchorsUnder(ctx context.Context, signed []byte) (out []BundledFile, err error) {
	head, err := evidence.PeekHead(signed)
	if err != nil {
		return nil, err
	}
	all, err := l.Anchors(ctx)
	if err != nil {
		return nil, err
	}
	tx, err := l.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }() // it has changed nothing
	tree := newTransaction(tx, l).tree
	seen, proved := map[string]bool{}, map[int64]bool{}
	for _, a := range all {
		h, err := evidence.PeekHead([]byte(a.Note))
		if err != nil {
			return nil, err
		}
		if seen[a.Note] || h.Size < 1 || h.Size > head.Size {
			continue
		}
		seen[a.Note] = true
		if root, err := tree.root(ctx, h.Size); err != nil || root != h.Root {
			if err != nil {
				return nil, err
			}
			continue
		}
		out = append(out, BundledFile{fmt.Sprintf(bundleAnchors, len(seen)), []byte(a.Note)})
		if proved[h.Size] {
			continue
		}
		proved[h.Size] = true
		proof, err := tlog.ProveTree(head.Size, h.Size, tree.reader(ctx))
		if err != nil {
			return nil, err
		}
		var text []byte
		for _, hash := range proof {
			text = append(text, hash.String()+"\n"...)
		}
		out = append(out, BundledFile{fmt.Sprintf(bundleConsistency, h.Size), text})
	}
	return out, nil
}

func addFile(z *zip.Writer, name string, r io.Reader) error {
	f, err := z.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return err
}
