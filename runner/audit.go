package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"daybook/engine/checkpoint"
	"daybook/ledger"
	"daybook/ledger/store"
)

// Looked is what files at hand say about what a trace has digests of.
type Looked struct {
	Seen     map[ledger.Digest]string // it has this digest, and where it is
	Changed  map[ledger.Digest]string // something else is where it was
	Problems []ledger.Problem         // what contradicts the log
}

// Look digests what is at hand of an adapter and of what it was made from: its
// folder dir, which may lie anywhere, and below the root, unless that is the zero
// value, the files of records and the copies of the sweep's sources. It relies on
// no digest that was computed before.
func Look(ctx context.Context, root Root, s *store.Store, t *ledger.Trace, dir string) (*Looked, error) {
	l := &Looked{Seen: map[ledger.Digest]string{}, Changed: map[ledger.Digest]string{}}
	if err := l.adapter(t.Adapter.Fact, dir); err != nil {
		return nil, err
	}
	if root == (Root{}) {
		return l, nil
	}
	for _, f := range t.Files() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := l.file(f.Path, root.Abs(f.Path), f.Digest); err != nil {
			return nil, err
		}
	}
	l.initial(root, t)
	for _, source := range t.Sweep.Fact.Sources {
		if err := l.artifact(ctx, s, source.Digest, source.Path); err != nil {
			return nil, err
		}
	}
	for _, a := range t.Attempts {
		for _, digest := range a.Fact.Git.Changes.Artifacts() {
			if err := l.artifact(ctx, s, digest, "what was not committed"); err != nil {
				return nil, err
			}
		}
	}
	return l, nil
}

// artifact looks at a copy in the store, which may be gone.
func (l *Looked) artifact(ctx context.Context, s *store.Store, digest ledger.Digest, name string) error {
	err := s.Verify(ctx, digest)
	mismatch := (*store.MismatchError)(nil)
	switch {
	case err == nil:
		l.Seen[digest] = "copy in the store"
	case errors.As(err, &mismatch):
		l.problem("store, "+digest, "%s: %v", name, mismatch)
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	return nil
}

func (l *Looked) problem(where, format string, args ...any) {
	l.Problems = append(l.Problems, ledger.Problem{Where: where, What: fmt.Sprintf(format, args...)})
}

// adapter looks at an adapter's folder. A copy that lacks files beside the weights
// contradicts nothing, nor does one without any weights. Weights without their
// configuration, or the reverse, can't be told to be the adapter's: that is a mismatch.
func (l *Looked) adapter(a ledger.Adapter, dir string) error {
	got, err := checkpoint.AdapterDigest(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		for _, name := range adapterFiles {
			if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
				l.problem("folder "+filepath.Base(dir), "%s is there without the other of %s: nothing says that it is of %s", name, strings.Join(adapterFiles, " and "), a.Name())
			}
		}
	case err != nil:
		return err
	case hexDigest(got) != a.Digest:
		l.problem("folder "+filepath.Base(dir), "the adapter has digest %s, %s has %s", hexDigest(got), a.Name(), a.Digest)
	default:
		l.Seen[a.Digest] = "folder " + filepath.Base(dir)
	}
	for name, digest := range a.Files {
		if name != filepath.Base(name) {
			l.problem("folder "+filepath.Base(dir), "%q is not the name of a file", name)
			continue
		}
		got, err := digestFile(filepath.Join(dir, name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		case got != digest:
			l.problem(filepath.Join(filepath.Base(dir), name), "it has digest %s, the log says %s", got, digest)
		default:
			l.Seen[digest] = "folder " + filepath.Base(dir)
		}
	}
	return nil
}

// initial looks for the adapter that the run went on from, where the sweep named it
// and where a version of that name is published.
func (l *Looked) initial(root Root, t *ledger.Trace) {
	ref, digest := t.Initial()
	if digest == "" || strings.HasPrefix(ref, outside) {
		return
	}
	places := []string{root.Abs(ref), root.Abs(path.Join(path.Dir(t.Sweep.Fact.Path), ref))}
	if sweep, version, ok := strings.Cut(ref, "@v"); ok {
		if n, err := strconv.Atoi(version); err == nil {
			places = append(places, filepath.Join(root.Adapters(sweep), versionFolder(n)))
		}
	}
	for _, dir := range places {
		if holds(dir, digest) {
			l.Seen[digest] = "folder " + root.Rel(dir)
			return
		}
	}
}

// file looks at a file of records, which may have been changed since: that is
// worth saying, and no mismatch.
func (l *Looked) file(name, path string, digest ledger.Digest) error {
	if strings.HasPrefix(name, "…/") { // outside of the root, where is not told
		return nil
	}
	got, err := digestFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case got == digest:
		l.Seen[digest] = "file " + name
	default:
		l.Changed[digest] = "file " + name
	}
	return nil
}

// digestFile returns the SHA-256 of a file.
func digestFile(path string) (digest ledger.Digest, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // read only
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
