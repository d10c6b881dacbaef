package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"daybook/ledger/internal/hexdigest"
)

// Garbage is a file that nobody needs any more.
type Garbage struct {
	Path   string // of the file
	Digest Digest // "" of what was being put in when its process ended
	Bytes  int64
}

// Garbage returns the content that wanted doesn't want, and what was being put in, of
// what nobody has put in since a time. Files that are none of the store's are not
// among it.
func (s *Store) Garbage(since time.Time, wanted func(Digest) bool) ([]Garbage, error) {
	root := filepath.Join(s.dir, "sha256")
	var found []Garbage
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if path == root && errors.Is(err, fs.ErrNotExist) {
				return fs.SkipAll // nothing was put in yet
			}
			return err
		}
		if !d.Type().IsRegular() {
			return nil
		}
		g := Garbage{Path: path, Digest: filepath.Base(filepath.Dir(path)) + filepath.Base(path)}
		switch {
		case hexdigest.Valid(g.Digest) && s.path(g.Digest) == path:
			if wanted(g.Digest) {
				return nil
			}
		case strings.HasPrefix(filepath.Base(path), tempPrefix):
			g.Digest = ""
		default:
			return nil
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) { // it was put in
			return nil
		}
		if err != nil {
			return err
		}
		if g.Bytes = info.Size(); !info.ModTime().After(since) {
			found = append(found, g)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return found, nil
}

// Remove deletes garbage, unless it was put in again since a time.
func (s *Store) Remove(g Garbage, since time.Time) error {
	info, err := os.Lstat(g.Path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.ModTime().After(since) {
		return nil
	}
	if err == nil {
		err = os.Remove(g.Path)
	}
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	_ = os.Remove(filepath.Dir(g.Path)) // if it is empty
	return nil
}
