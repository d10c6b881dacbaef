package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"daybook/ledger"
	"daybook/ledger/evidence"
)

// Forgotten is what Forget did, or would do.
type Forgotten struct {
	*ledger.Forgotten
	DryRun      bool     `json:"dry_run"`
	Predictions int      `json:"predictions"` // lines of generated text
	Files       []string `json:"files"`       // of attempts that named a record, relative to the root
}

// Forget deletes what the root keeps of records: identifiers and keys in the ledger,
// predictions about them, and files of attempts that name them by a keyed ID: job
// and journal of those that have ended, whose results the ledger has, and all of
// others, which then begin anew. The files go first: what a crash leaves of the
// record is still in the ledger, and the next call finds it there.
func Forget(ctx context.Context, root Root, l *ledger.Ledger, key []byte, subjects []Subject, dryRun bool) (*Forgotten, error) {
	f := ledger.Forgetting{RootKey: evidence.RootKey(key), DryRun: true}
	for _, s := range subjects {
		f.Records = append(f.Records, s.sought(key)...)
	}
	found, err := l.Forget(ctx, f)
	if err != nil {
		return nil, err
	}
	out := &Forgotten{Forgotten: found, DryRun: dryRun, Files: []string{}}
	running, err := l.Runs(ctx, ledger.RunFilter{State: ledger.Running})
	if err != nil {
		return nil, err
	}
	if len(running) > 0 && !dryRun {
		return nil, WithHint(fmt.Errorf("forget: %s works on run %.12s", running[0].Holder, running[0].Key), "wait until it has ended, or stop it")
	}
	// What a sweep evaluated to may name records.
	if !dryRun {
		if err := os.RemoveAll(root.evaluations()); err != nil {
			return nil, fmt.Errorf("forget: %w", err)
		}
	}
	if err := out.predictions(root, dryRun); err != nil {
		return nil, err
	}
	if err := out.attempts(ctx, root, l, dryRun); err != nil {
		return nil, err
	}
	if dryRun {
		return out, nil
	}
	f.DryRun = false
	out.Forgotten, err = l.Forget(ctx, f)
	return out, err
}

// names reports whether a text has the ID of one of the records.
func (f *Forgotten) names(text []byte) bool {
	return slices.ContainsFunc(f.Records, func(id string) bool { return bytes.Contains(text, []byte(id)) })
}

// predictions deletes the files of predictions that have lines about the records. What
// would be left of one is no more what was scored, and nothing would score it again.
func (f *Forgotten) predictions(root Root, dryRun bool) error {
	// What a killed process left of a file, folder.Create has named after it.
	paths, err := filepath.Glob(filepath.Join(root.Predictions(), "*.jsonl*"))
	if err != nil {
		return fmt.Errorf("predictions: %w", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("predictions: %w", err)
		}
		gone := 0
		for line := range bytes.Lines(text) {
			if f.names(line) {
				gone++
			}
		}
		if f.Predictions += gone; gone == 0 || dryRun {
			continue
		}
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("predictions: %w", err)
		}
	}
	return nil
}

// attempts removes the files of attempts that name the records.
func (f *Forgotten) attempts(ctx context.Context, root Root, l *ledger.Ledger, dryRun bool) error {
	all, err := l.Attempts(ctx)
	if err != nil {
		return err
	}
	for _, a := range all {
		var named []string
		for _, name := range []string{JobFile, JournalFile} {
			path := filepath.Join(root.Abs(a.Dir), name)
			text, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return fmt.Errorf("attempt: %w", err)
			}
			if f.names(text) {
				named = append(named, path)
			}
		}
		if len(named) > 0 && a.Ended.IsZero() || len(named) > 0 && a.Outcome == "interrupted" {
			named = []string{root.Abs(a.Dir)} // without its job and journal nothing can go on from it
		}
		for _, path := range named {
			f.Files = append(f.Files, root.Rel(path))
			if dryRun {
				continue
			}
			if err := os.RemoveAll(path); err != nil {
				return fmt.Errorf("attempt: %w", err)
			}
		}
	}
	return nil
}
