package ledger

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"

	"daybook/ledger/evidence"
)

// BundledFile is a file in a bundle that is under a name of its own.
type BundledFile struct {
	Name string
	Data []byte
}

// WriteProofs writes single entries, each with the proof that it is in the log of the
// newest head, and files as a bundle. The same ledger, entries and files give the same
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

func addFile(z *zip.Writer, name string, r io.Reader) error {
	f, err := z.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return err
}
