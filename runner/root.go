// Package runner turns a sweep into finished runs: it plans (which records,
// which keys, what is done already), schedules workers, follows their journals
// into the ledger, publishes adapters and resumes what was interrupted. It
// computes nothing itself: package worker does, in processes of its own.
package runner

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"daybook/ledger/folder"

	"daybook/engine/checkpoint"
	"daybook/ledger/evidence"
)

// Root is the folder that holds one ledger and everything beside it.
type Root struct {
	Dir string // absolute
}

// NewRoot returns the root in dir.
func NewRoot(dir string) (Root, error) {
	dir, err := filepath.Abs(dir)
	return Root{Dir: dir}, err
}

// FindRoot returns the nearest folder at or above start that holds .daybook or
// .git, or the working folder if none does.
func FindRoot(start string) (Root, error) {
	start, err := filepath.Abs(start)
	if err != nil {
		return Root{}, err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		for _, mark := range []string{".daybook", ".git"} {
			if _, err := os.Stat(filepath.Join(dir, mark)); err == nil {
				return Root{Dir: dir}, nil
			}
		}
		if dir == filepath.Dir(dir) {
			return NewRoot(".")
		}
	}
}

// State is the folder of everything that Daybook keeps for itself.
func (r Root) State() string { return filepath.Join(r.Dir, ".daybook") }

// Ledger is the database.
func (r Root) Ledger() string { return filepath.Join(r.State(), "ledger.db") }

// Store is the folder of content-addressed artifacts.
func (r Root) Store() string { return filepath.Join(r.State(), "store") }

// Cache is what is remembered of large bases, nil before there is a state folder
// to keep it in.
func (r Root) Cache() *checkpoint.Cache {
	if _, err := os.Stat(r.State()); err != nil {
		return nil
	}
	return &checkpoint.Cache{Dir: filepath.Join(r.State(), "cache")}
}

// Predictions is the folder of generated text, which may be confidential.
func (r Root) Predictions() string { return filepath.Join(r.State(), "predictions") }

// Adapters is the folder of a sweep's published versions.
func (r Root) Adapters(sweep string) string { return filepath.Join(r.Dir, "adapters", sweep) }

// Attempt is the folder of one attempt at a run, relative to the root.
func (r Root) Attempt(key string, attempt int) string {
	return filepath.Join(".daybook", "runs", key, fmt.Sprintf("%04d", attempt))
}

// journal is the journal in an attempt's folder, which is relative to the root.
func (r Root) journal(dir string) string { return filepath.Join(r.Abs(dir), JournalFile) }

// Abs resolves a path relative to the root.
func (r Root) Abs(rel string) string {
	if filepath.IsAbs(rel) {
		return rel
	}
	return filepath.Join(r.Dir, filepath.FromSlash(rel))
}

// Rel returns path relative to the root with forward slashes, for facts and
// messages. A path outside the root is reduced to its last element, so that no
// home folder gets into the ledger. A relative path is one from the working
// folder.
func (r Root) Rel(path string) string {
	rel := r.Reach(path)
	if filepath.IsAbs(filepath.FromSlash(rel)) || rel == ".." || strings.HasPrefix(rel, "../") {
		return "…/" + filepath.Base(path)
	}
	return rel
}

// named is a path as a sweep has it, unless that could be a home folder's.
func (r Root) named(path string) string {
	if filepath.IsAbs(path) {
		return r.Rel(path)
	}
	return path
}

// Reach is Rel for the files of an attempt, which has to find what it reads:
// it leads out of the root where that is necessary. Abs is its inverse.
func (r Root) Reach(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(r.Dir, abs)
	if err != nil { // on another volume
		return filepath.ToSlash(abs)
	}
	return filepath.ToSlash(rel)
}

// Prepare creates the state folder, with a .gitignore that keeps it out of git.
func (r Root) Prepare() error {
	for _, dir := range []string{r.State(), filepath.Join(r.State(), "runs"), r.Predictions(), r.keys()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return WithHint(fmt.Errorf("state folder: %w", err), "choose a writable folder with --root")
		}
	}
	ignore := filepath.Join(r.State(), ".gitignore")
	if _, err := os.Stat(ignore); errors.Is(err, fs.ErrNotExist) {
		if err := folder.WriteFile(ignore, []byte("*\n"), 0o644); err != nil {
			return WithHint(fmt.Errorf("state folder: %w", err), "choose a writable folder with --root")
		}
	}
	return nil
}

func (r Root) keys() string { return filepath.Join(r.State(), "keys") }

func (r Root) recordKey() string { return filepath.Join(r.keys(), "records.key") }

// ExistingRecordKey is RecordKey for a root that is only asked about: where there is
// none, it makes none.
func (r Root) ExistingRecordKey() ([]byte, error) {
	if _, err := os.Stat(r.recordKey()); errors.Is(err, fs.ErrNotExist) {
		return nil, WithHint(fmt.Errorf("record key: %s is not here, and the ledger's record IDs say nothing without it", r.Rel(r.recordKey())),
			"ask in the root that the sweeps were run in, or restore the file from a backup")
	}
	return r.RecordKey()
}

// KnownRootKey returns the key of the members' IDs in the ledger's index
// (evidence.RootKey), nil if the secret that it is made from is not here.
func (r Root) KnownRootKey() (*[32]byte, error) {
	if _, err := os.Stat(r.recordKey()); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	secret, err := r.RecordKey()
	if err != nil {
		return nil, err
	}
	key := evidence.RootKey(secret)
	return &key, nil
}

// RecordKey returns the secret under which record IDs are kept, made on first
// use. It never leaves the root: without it the ledger's IDs say nothing about
// records somebody could guess.
func (r Root) RecordKey() ([]byte, error) {
	path := r.recordKey()
	key, err := os.ReadFile(path)
	if err == nil {
		if len(key) != 32 {
			return nil, WithHint(fmt.Errorf("record key: %s: want 32 bytes, got %d", r.Rel(path), len(key)),
				"restore the file from a backup; a new key would orphan every record ID in the ledger")
		}
		return key, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("record key: %w", err)
	}
	key = make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("record key: %w", err)
	}
	// Two first commands at once must agree: link fails if the other was faster.
	temp, err := os.CreateTemp(r.keys(), "records-*")
	if err != nil {
		return nil, fmt.Errorf("record key: %w", err)
	}
	defer func() { _ = os.Remove(temp.Name()) }()
	if _, err := temp.Write(key); err != nil {
		return nil, errors.Join(fmt.Errorf("record key: %w", err), temp.Close())
	}
	if err := errors.Join(temp.Sync(), temp.Close()); err != nil {
		return nil, fmt.Errorf("record key: %w", err)
	}
	if err := os.Link(temp.Name(), path); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return os.ReadFile(path)
		}
		return nil, fmt.Errorf("record key: %w", err)
	}
	return key, nil
}
