package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestGarbage(t *testing.T) {
	s := New(t.TempDir())
	put := func(text string) Digest {
		t.Helper()
		d, err := s.Put(t.Context(), strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if found, err := s.Garbage(time.Now(), nil); err != nil || found != nil {
		t.Fatalf("of an empty store: %v, %v", found, err)
	}
	wanted, unwanted, again := put("wanted"), put("unwanted"), put("put in again")
	half := filepath.Join(s.dir, "sha256", tempPrefix+"1")
	stray := filepath.Join(s.dir, "sha256", "notes.txt")
	long := time.Now().Add(-48 * time.Hour)
	for _, path := range []string{half, stray} {
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{half, stray, s.path(wanted), s.path(unwanted), s.path(again)} {
		if err := os.Chtimes(path, long, long); err != nil {
			t.Fatal(err)
		}
	}
	young := put("young")
	since := time.Now().Add(-time.Hour)
	found, err := s.Garbage(since, func(d Digest) bool { return d == wanted })
	if err != nil {
		t.Fatal(err)
	}
	got := map[Digest]int64{}
	for _, g := range found {
		got[g.Digest] = g.Bytes
	}
	if len(found) != 3 || got[unwanted] != 8 || got[again] != 12 || got[""] != 1 {
		t.Fatalf("found %+v", found)
	}
	put("put in again") // before it is removed
	for _, g := range found {
		if err := s.Remove(g, since); err != nil {
			t.Fatal(err)
		}
	}
	for d, want := range map[Digest]bool{wanted: true, unwanted: false, again: true, young: true} {
		if s.Has(d) != want {
			t.Errorf("%.12s is there: %t, want %t", d, !want, want)
		}
	}
	if _, err := os.Stat(half); err == nil {
		t.Error("what was half put in is still there")
	}
	if _, err := os.Stat(stray); err != nil {
		t.Errorf("a file of somebody else's: %v", err)
	}
	if err := s.Remove(found[0], since); err != nil {
		t.Errorf("removed twice: %v", err)
	}
}
