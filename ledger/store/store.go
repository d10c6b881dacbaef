// Package store keeps files by the SHA-256 of their content. A file's name says
// what its bytes must be, so equal files are kept once, and damage is noticed.
// The package knows nothing of what the files mean and deletes none.
//
// A file with digest abcdef... is kept as sha256/ab/cdef... under the store's
// folder, read-only. It is complete or absent: content is written to a temporary
// name, synced and renamed.
package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"daybook/ledger/folder"
	"daybook/ledger/internal/hexdigest"
)

// Digest is a hex SHA-256.
type Digest = string

// ErrNotFound is wrapped by errors about content that the store doesn't have.
var ErrNotFound = errors.New("not in the store")

// MismatchError says that a kept file's bytes are not those that its name promises.
type MismatchError struct{ Want, Got Digest }

func (e *MismatchError) Error() string {
	return fmt.Sprintf("content has digest %s, want %s", e.Got, e.Want)
}

// Hint says what to do about it.
func (e *MismatchError) Hint() string {
	return "the file was damaged or edited; restore it from a backup"
}

// Store is a folder of content-addressed files. Several processes may use one at
// the same time.
type Store struct{ dir string }

// New returns the store in a folder, which is made when something is put in.
func New(dir string) *Store { return &Store{dir: dir} }

// Put keeps what r holds and returns its digest. Content that is there already
// keeps its bytes. If ctx ends before r does, nothing is kept.
func (s *Store) Put(ctx context.Context, r io.Reader) (Digest, error) {
	root := filepath.Join(s.dir, "sha256")
	if err := os.MkdirAll(root, 0o700); err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	temp, err := os.CreateTemp(root, tempPrefix+"*")
	if err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	digest, err := s.put(ctx, temp, r)
	if err != nil {
		_ = os.Remove(temp.Name()) // gone if it was renamed
		return "", fmt.Errorf("store: %w", err)
	}
	return digest, nil
}

func (s *Store) put(ctx context.Context, temp *os.File, r io.Reader) (Digest, error) {
	h := sha256.New()
	_, err := io.Copy(io.MultiWriter(temp, h), contextReader{ctx, r})
	if err := errors.Join(err, temp.Chmod(0o444), temp.Sync(), temp.Close()); err != nil {
		return "", err
	}
	digest := hex.EncodeToString(h.Sum(nil))
	path := s.path(digest)
	// What is wanted again is not what nobody has wanted for long; see Garbage.
	if now := time.Now(); os.Chtimes(path, now, now) == nil {
		return digest, os.Remove(temp.Name())
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return "", err
	}
	return digest, errors.Join(folder.Sync(filepath.Dir(path)), folder.Sync(filepath.Dir(filepath.Dir(path))))
}

// PutFile keeps a copy of a file.
func (s *Store) PutFile(ctx context.Context, path string) (Digest, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	digest, err := s.Put(ctx, f)
	return digest, errors.Join(err, f.Close())
}

// Has reports whether the store has a file of that name. It doesn't look inside.
func (s *Store) Has(digest Digest) bool {
	if !hexdigest.Valid(digest) {
		return false
	}
	info, err := os.Lstat(s.path(digest))
	return err == nil && info.Mode().IsRegular()
}

// Open opens content for reading. Its bytes are hashed as they are read: the
// read that reaches the end returns a *MismatchError instead of io.EOF if they
// are not what the digest says, so rely on nothing before the end. The error
// wraps ErrNotFound if the store doesn't have it.
func (s *Store) Open(digest Digest) (io.ReadCloser, error) {
	if !hexdigest.Valid(digest) {
		return nil, fmt.Errorf("store: %q: %w: not a digest", digest, ErrNotFound)
	}
	f, err := os.Open(s.path(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("store: %s: %w", digest, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return &verifier{file: f, hash: sha256.New(), want: digest}, nil
}

// List returns the digests of what the store has, and the paths, relative to its
// folder, of files that are none of its: nothing is promised of them.
func (s *Store) List() (digests []Digest, strays []string, err error) {
	root := filepath.Join(s.dir, "sha256")
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if path == root && errors.Is(err, fs.ErrNotExist) {
				return fs.SkipAll // nothing was put in yet
			}
			return err
		}
		if d.IsDir() {
			return nil
		}
		digest := filepath.Base(filepath.Dir(path)) + filepath.Base(path)
		switch {
		case hexdigest.Valid(digest) && s.path(digest) == path && d.Type().IsRegular():
			digests = append(digests, digest)
		case !strings.HasPrefix(filepath.Base(path), tempPrefix):
			rel, err := filepath.Rel(s.dir, path)
			if err != nil {
				return err
			}
			strays = append(strays, rel)
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("store: %w", err)
	}
	return digests, strays, nil
}

// tempPrefix begins the names of files that are being put in.
const tempPrefix = ".put-"

// Verify reads content to its end. The error is as for Open and its reader.
func (s *Store) Verify(ctx context.Context, digest Digest) error {
	r, err := s.Open(digest)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, contextReader{ctx, r})
	return errors.Join(err, r.Close())
}

func (s *Store) path(digest Digest) string {
	return filepath.Join(s.dir, "sha256", digest[:2], digest[2:])
}

// verifier hashes a file as it is read.
type verifier struct {
	file *os.File
	hash hash.Hash
	want Digest
	err  error // sticky
}

func (v *verifier) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	n, err := v.file.Read(p)
	_, _ = v.hash.Write(p[:n]) // a hash doesn't fail
	if err == nil {
		return n, nil
	}
	v.err = err
	if errors.Is(err, io.EOF) {
		if got := hex.EncodeToString(v.hash.Sum(nil)); got != v.want {
			v.err = fmt.Errorf("store: %w", &MismatchError{Want: v.want, Got: got})
		}
	}
	return n, v.err
}

func (v *verifier) Close() error { return v.file.Close() }

// contextReader stops reading when its context ends.
type contextReader struct {
	ctx context.Context // of the one call that this lives for
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
