package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func digestOf(data []byte) Digest {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func put(tb testing.TB, s *Store, data []byte) Digest {
	tb.Helper()
	d, err := s.Put(tb.Context(), bytes.NewReader(data))
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// files returns the names of everything that a store keeps.
func files(tb testing.TB, dir string) (out []string) {
	tb.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, relErr := filepath.Rel(dir, path)
			out, err = append(out, filepath.ToSlash(rel)), relErr
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		tb.Fatal(err)
	}
	return out
}

func TestPutAndOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := New(dir)
	rapid.Check(t, func(rt *rapid.T) {
		data := rapid.SliceOf(rapid.Byte()).Draw(rt, "data")
		for range 2 {
			if d := put(t, s, data); d != digestOf(data) {
				rt.Fatalf("digest %s", d)
			}
		}
		r, err := s.Open(digestOf(data))
		if err != nil {
			rt.Fatal(err)
		}
		got, err := io.ReadAll(iotest.OneByteReader(r))
		if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, data) {
			rt.Fatalf("got %x, %v", got, err)
		}
	})
}

func TestLayout(t *testing.T) {
	dir := t.TempDir()
	s := New(dir)
	d := put(t, s, []byte("abc"))
	want := "sha256/ba/7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // FIPS 180-2, appendix B.1
	if d != "ba"+want[10:] {
		t.Errorf("digest %s", d)
	}
	if got := files(t, dir); len(got) != 1 || got[0] != want {
		t.Errorf("files %v", got)
	}
	info, err := os.Stat(filepath.Join(dir, want))
	if err != nil || info.Mode().Perm() != 0o444 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if !s.Has(d) || s.Has(digestOf(nil)) || s.Has("../x") || s.Has("") {
		t.Error("Has is wrong")
	}
}

func TestPutFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sweep.jsonnet")
	if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := New(filepath.Join(dir, "store"))
	d, err := s.PutFile(t.Context(), path)
	if err != nil || d != digestOf([]byte("{}")) {
		t.Errorf("got %s, %v", d, err)
	}
	if err := s.Verify(t.Context(), d); err != nil {
		t.Error(err)
	}
	if _, err := s.PutFile(t.Context(), filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestDamage(t *testing.T) {
	dir := t.TempDir()
	s := New(dir)
	data := []byte(strings.Repeat("all of it ", 1000))
	d := put(t, s, data)
	path := s.path(d)
	for name, change := range map[string]func([]byte) []byte{
		"a bit":  func(b []byte) []byte { b[500] ^= 1; return b },
		"cut":    func(b []byte) []byte { return b[:500] },
		"longer": func(b []byte) []byte { return append(b, 0) },
		"empty":  func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.Chmod(path, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, change(bytes.Clone(data)), 0o600); err != nil {
				t.Fatal(err)
			}
			var mismatch *MismatchError
			if err := s.Verify(t.Context(), d); !errors.As(err, &mismatch) || mismatch.Want != d || mismatch.Hint() == "" {
				t.Errorf("got %v", err)
			}
			r, err := s.Open(d)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = r.Close() }()
			for range 2 { // the end stays an error
				if _, err := io.ReadAll(r); !errors.As(err, &mismatch) {
					t.Errorf("got %v", err)
				}
			}
		})
	}
}

func TestNotFound(t *testing.T) {
	s := New(t.TempDir())
	for _, d := range []Digest{digestOf(nil), "", "abc", "../../etc/passwd", strings.Repeat("A", 64)} {
		if _, err := s.Open(d); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v", d, err)
		}
		if err := s.Verify(t.Context(), d); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v", d, err)
		}
	}
}

// TestPutFails leaves nothing behind, whole or half.
func TestPutFails(t *testing.T) {
	dir := t.TempDir()
	s := New(dir)
	broken := errors.New("cable pulled")
	if _, err := s.Put(t.Context(), io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Put(ctx, strings.NewReader("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got := files(t, dir); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}

func TestPutTogether(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s := New(dir)
			for i := range 10 {
				if _, err := s.Put(t.Context(), strings.NewReader(strings.Repeat("x", i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := files(t, dir); len(got) != 10 {
		t.Errorf("%d files: %v", len(got), got)
	}
}
