package runner

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"daybook/ledger"
	"daybook/ledger/attest"
	"daybook/ledger/folder"
	"daybook/ledger/store"
)

// carrier copies the files that another machine's ledger names: those alone, each by
// its digest, so that nothing else of that machine comes along.
type carrier struct {
	from, to Root // their root, and where copies go
	have     Root // where those of an earlier call are; the zero value if there was none
	ledger   *ledger.Ledger
	signed   bool // the ledger's log is

	copied   int
	missing  []string
	problems []ledger.Problem
}

func (c *carrier) problem(where, format string, args ...any) {
	c.problems = append(c.problems, ledger.Problem{Where: where, What: fmt.Sprintf(format, args...)})
}

// adapter copies a published folder: weights and configuration, what the entry names
// beside them, and the proof that the entry is in the log.
func (c *carrier) adapter(ctx context.Context, a ledger.Adapter) error {
	// Names come from another machine, and lead nowhere but to adapters.
	for _, name := range append(slices.Collect(maps.Keys(a.Files)), path.Base(a.Path)) {
		if name != filepath.Base(name) || !filepath.IsLocal(name) || !filepath.IsLocal(a.Path) || path.Dir(path.Dir(a.Path)) != "adapters" {
			c.problem(fmt.Sprintf("entry %d, adapter %s", a.Entry, a.Name()), "%q in %q is no place of an adapter", name, a.Path)
			return nil
		}
	}
	if c.have != (Root{}) && c.complete(c.have.Abs(a.Path), a) {
		return nil
	}
	source, target := c.from.Abs(a.Path), c.to.Abs(a.Path)
	where := fmt.Sprintf("%s, %s", a.Path, a.Name())
	got, err := AdapterIn(source)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.missing = append(c.missing, where)
		return nil
	case err != nil:
		c.problem(where, "%v", err)
		return nil
	case got != a.Digest:
		c.problem(where, "the adapter has digest %s, the ledger says %s", got, a.Digest)
		return nil
	}
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	for _, name := range adapterFiles {
		if _, err := copyFile(filepath.Join(target, name), filepath.Join(source, name)); err != nil {
			return err
		}
	}
	if !holds(target, a.Digest) {
		c.problem(where, "the adapter was changed while it was copied")
		return nil
	}
	if err := c.beside(ctx, source, target, a); err != nil {
		return err
	}
	c.copied++
	return folder.Sync(target)
}

// complete reports whether a folder has all that would be copied.
func (c *carrier) complete(dir string, a ledger.Adapter) bool {
	if !holds(dir, a.Digest) {
		return false
	}
	for name, want := range a.Files {
		if got, err := digestFile(filepath.Join(dir, name)); err != nil || got != want {
			return false
		}
	}
	return true
}

// beside copies the files beside an adapter's weights, from the folder or from the
// store there, and writes the proof anew: it is under the head that is merged.
func (c *carrier) beside(ctx context.Context, source, target string, a ledger.Adapter) error {
	for _, name := range slices.Sorted(maps.Keys(a.Files)) {
		where := path.Join(a.Path, name)
		data, err := c.bytes(filepath.Join(source, name), a.Files[name])
		switch mismatch := (*store.MismatchError)(nil); {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, store.ErrNotFound):
			c.missing = append(c.missing, where)
			continue
		case errors.As(err, &mismatch):
			c.problem(where, "it has digest %s, the ledger says %s", mismatch.Got, mismatch.Want)
			continue
		case err != nil:
			return err
		}
		if err := folder.WriteFile(filepath.Join(target, name), data, 0o644); err != nil {
			return err
		}
	}
	if !c.signed {
		return nil
	}
	return attest.WriteProof(ctx, c.ledger, target, a.Entry)
}

// bytes reads a file with a digest, or if it isn't there the copy in the store.
func (c *carrier) bytes(file string, digest ledger.Digest) ([]byte, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		r, err := store.New(c.from.Store()).Open(digest)
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(r)
		return data, errors.Join(err, r.Close())
	}
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(data); hexDigest(sum) != digest {
		return nil, &store.MismatchError{Want: digest, Got: hexDigest(sum)}
	}
	return data, nil
}

// artifacts copies what the ledger says is in the store.
func (c *carrier) artifacts(ctx context.Context) error {
	wanted, err := artifacts(ctx, c.ledger)
	if err != nil {
		return err
	}
	source, target := store.New(c.from.Store()), store.New(c.to.Store())
	for _, digest := range slices.Sorted(maps.Keys(wanted)) {
		if c.have != (Root{}) && store.New(c.have.Store()).Has(digest) {
			continue
		}
		r, err := source.Open(digest)
		if errors.Is(err, store.ErrNotFound) {
			if !strings.Contains(wanted[digest], "@v") { // of those, the folder has been asked
				c.missing = append(c.missing, wanted[digest])
			}
			continue
		}
		if err != nil {
			return err
		}
		_, err = target.Put(ctx, r)
		switch mismatch := (*store.MismatchError)(nil); {
		case errors.As(err, &mismatch):
			c.problem("store, "+digest, "%s: %v", wanted[digest], mismatch)
			err = r.Close()
		default:
			err = errors.Join(err, r.Close())
		}
		if err != nil {
			return err
		}
	}
	return nil
}
