package ledger

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"daybook/ledger/evidence"
)

// mostHead bounds a head in a bundle, in bytes: a note with some signatures.
const mostHead = 64 << 10

// CopyBundle is Copy from a bundle that holds the whole log, as WriteBundle writes it.
// Nothing in it is believed: Verify tells of the copy what it does of any. The error
// wraps ErrNotFound if it is no bundle or holds single entries, and ErrMismatch if an
// entry is none.
func CopyBundle(ctx context.Context, from *zip.Reader, to string) (err error) {
	mark, err := readBundled(from, bundleMark)
	if err != nil || string(mark) != bundleVersion {
		return fmt.Errorf("bundle: %w: it is none of this build's", errors.Join(ErrNotFound, err))
	}
	head, err := readBundled(from, bundleHead)
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	h, err := evidence.PeekHead(head)
	if err != nil {
		return fmt.Errorf("bundle: %w: %w", ErrMismatch, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, removeAll(to, to+"-wal", to+"-shm", to+"-journal"))
		}
	}()
	l := &Ledger{path: to, mode: "ro", now: time.Now}
	if l.write, err = connect(to, "rwc", 1); err != nil {
		return err
	}
	err = l.prepare(ctx)
	if err == nil {
		err = l.fillFrom(ctx, from, string(head), h.Size)
	}
	if err == nil {
		err = l.strip(ctx)
	}
	return errors.Join(err, l.Close())
}

// fillFrom adds a bundle's entries, all of them, and its head as they are.
func (l *Ledger) fillFrom(ctx context.Context, from *zip.Reader, head string, size int64) (err error) {
	file, err := from.Open(bundleEntries)
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	tx, err := l.write.BeginTx(ctx, nil)
	if err != nil {
		return l.explain(err)
	}
	defer func() { _ = tx.Rollback() }() // no effect after a commit
	t := newTransaction(tx, l)
	lines := bufio.NewReader(file)
	for ctx.Err() == nil {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			break
		}
		if err != nil {
			return fmt.Errorf("bundle: %s: %w", bundleEntries, err)
		}
		if err := t.copyEntry(ctx, bytes.TrimSuffix(line, []byte("\n"))); err != nil {
			return fmt.Errorf("bundle: %w", err)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := t.exec(ctx, "INSERT INTO head (id, size, note) VALUES (1, ?, ?)", size, head); err != nil {
		return l.explain(err)
	}
	return l.explain(tx.Commit())
}

// copyEntry adds an entry as another log has it.
func (t *transaction) copyEntry(ctx context.Context, leaf []byte) error {
	e, err := evidence.ParseEntry(leaf)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMismatch, err)
	}
	if e.Seq != t.last+1 {
		return hinted{
			fmt.Errorf("%w: entry %d follows entry %d: it doesn't hold the whole log", ErrNotFound, e.Seq, t.last),
			"'daybook verify --bundle' there writes all of it",
		}
	}
	at, err := parseTime(e.Time)
	if err != nil {
		return fmt.Errorf("entry %d: %w: %w", e.Seq, ErrMismatch, err)
	}
	if err := t.exec(ctx, "INSERT INTO entries (seq, time, type, version, body) VALUES (?, ?, ?, ?, ?)", e.Seq, e.Time, e.Type, e.Version, string(e.Body)); err != nil {
		return err
	}
	if err := t.addLeaf(ctx, e.Seq-1, e.Hash()); err != nil {
		return err
	}
	if len(t.tree.fresh) > maxFresh {
		clear(t.tree.fresh)
	}
	t.last = e.Seq
	if err := t.project(ctx, (entry{Entry: e, Time: at}).read()); err != nil {
		return fmt.Errorf("entry %d: %w: %w", e.Seq, ErrMismatch, err)
	}
	return nil
}

// readBundled reads a small file of a bundle.
func readBundled(from *zip.Reader, name string) (data []byte, err error) {
	file, err := from.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", name, ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return io.ReadAll(io.LimitReader(file, mostHead))
}
