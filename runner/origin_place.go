package runner

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"daybook/ledger/folder"
	"daybook/ledger/store"
)

// move puts adapters and artifacts of one root into another, each complete.
func move(from, to Root) error {
	folders, err := filepath.Glob(filepath.Join(from.Adapters("*"), "*"))
	if err != nil {
		return err
	}
	for _, dir := range folders {
		rel, err := filepath.Rel(from.Dir, dir)
		if err != nil {
			return err
		}
		final := filepath.Join(to.Dir, rel)
		if err := errors.Join(os.MkdirAll(filepath.Dir(final), 0o755), os.RemoveAll(final)); err != nil { // what is there was found to be damaged
			return err
		}
		if err := errors.Join(os.Rename(dir, final), folder.Sync(filepath.Dir(final))); err != nil {
			return err
		}
	}
	kept, source := store.New(to.Store()), store.New(from.Store())
	digests, _, err := source.List()
	if err != nil {
		return err
	}
	for _, digest := range digests {
		r, err := source.Open(digest)
		if err != nil {
			return err
		}
		_, err = kept.Put(context.Background(), r) // a rename would do; they are small
		if err := errors.Join(err, r.Close()); err != nil {
			return err
		}
	}
	return nil
}

// replaceLedger puts the ledger of one root in the place of another's. A copy has no
// write-ahead log of its own; one that is left beside the older copy is not the newer's.
func replaceLedger(from, to Root) error {
	for _, beside := range []string{"-wal", "-shm"} {
		if err := os.Remove(to.Ledger() + beside); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return errors.Join(os.Rename(from.Ledger(), to.Ledger()), folder.Sync(to.State()))
}
