package keyring

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"daybook/ledger/evidence"
)

func must[T any](v T, err error) func(tb testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		ok(tb, err)
		return v
	}
}

func ok(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func hintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

func TestKeys(t *testing.T) {
	r := &Ring{Dir: filepath.Join(t.TempDir(), "config", "keys")}
	origin := NewOrigin()
	made, public, err := r.Make(origin, "")
	ok(t, err)
	signed := must(evidence.Head{Origin: origin, Size: 1}.Sign(made))(t)
	again := must(r.Signer(public))(t)
	if again.KeyHash() != made.KeyHash() || again.Name() != origin || !r.Has(public) || r.Protected(public) {
		t.Errorf("got %s+%x", again.Name(), again.KeyHash())
	}
	if _, _, err := evidence.OpenHead(signed, must(note.NewVerifier(public))(t)); err != nil {
		t.Error(err)
	}
	ok(t, filepath.WalkDir(r.Dir, func(path string, d os.DirEntry, err error) error {
		ok(t, err)
		if mode := must(d.Info())(t).Mode().Perm(); mode&0o077 != 0 {
			t.Errorf("%s has mode %o", path, mode)
		}
		return nil
	}))
	_, other, err := r.Make(origin, public)
	ok(t, err)
	// A key in the place of another is noticed.
	path := must(r.path(public))(t)
	ok(t, os.WriteFile(path, must(os.ReadFile(must(r.path(other))(t)))(t), 0o600))
	if _, err := r.Signer(public); err == nil || hintOf(err) == "" {
		t.Errorf("got %v", err)
	}
	ok(t, r.Remove(public))
	ok(t, r.Remove(public))
	if _, err := r.Signer(public); !errors.Is(err, ErrNoKey) {
		t.Errorf("got %v", err)
	}
	if _, err := r.Signer("nonsense"); err == nil {
		t.Error("nonsense is a key")
	}
}

func TestPassphrase(t *testing.T) {
	said := "sesame"
	r := &Ring{Dir: t.TempDir(), Passphrase: func() (string, error) { return said, nil }}
	_, public, err := r.Make(NewOrigin(), "")
	ok(t, err)
	ok(t, r.Protect(public, said))
	if data := must(os.ReadFile(must(r.path(public))(t)))(t); strings.Contains(string(data), "PRIVATE") || !r.Protected(public) {
		t.Error("it is kept as it is")
	}
	must(r.Signer(public))(t)
	_, next, err := r.Make(NewOrigin(), public)
	ok(t, err)
	if !r.Protected(next) {
		t.Error("a key that follows one with a passphrase has none")
	}
	said = "mistaken"
	if _, err := r.Signer(public); !errors.Is(err, ErrPassphrase) || hintOf(err) == "" {
		t.Errorf("got %v", err)
	}
	if _, err := (&Ring{Dir: r.Dir}).Signer(public); !errors.Is(err, ErrPassphrase) || hintOf(err) == "" {
		t.Errorf("got %v", err)
	}
	said = "sesame"
	ok(t, r.Protect(public, ""))
	if r.Protected(public) {
		t.Error("it still has a passphrase")
	}
	must((&Ring{Dir: r.Dir}).Signer(public))(t)
}

func TestSeen(t *testing.T) {
	r := &Ring{Dir: t.TempDir()}
	origin := NewOrigin()
	signer, _, err := r.Make(origin, "")
	ok(t, err)
	if data, err := r.Seen(origin); err != nil || data != nil {
		t.Errorf("got %s, %v", data, err)
	}
	see := func(size int64) {
		ok(t, r.See(origin, must(evidence.Head{Origin: origin, Size: size, Root: tlog.Hash{byte(size)}}.Sign(signer))(t)))
	}
	for _, size := range []int64{2, 5, 3} { // the third by a process that was slower
		see(size)
	}
	if h := must(evidence.PeekHead(must(r.Seen(origin))(t)))(t); h.Size != 5 {
		t.Errorf("%d entries were seen", h.Size)
	}
	if err := r.See(origin, []byte("nonsense")); err == nil {
		t.Error("nonsense is a head")
	}
}

func TestNoFolder(t *testing.T) {
	t.Setenv("HOME", "")
	t.Setenv("XDG_CONFIG_HOME", "")
	r := Default()
	if _, _, err := r.Make(NewOrigin(), ""); err == nil || hintOf(err) == "" {
		t.Errorf("got %v", err)
	}
	// Whatever an origin is called, its folder is below the ring's.
	r = &Ring{Dir: t.TempDir()}
	for _, origin := range []string{"../../etc", "daybook/../x", "a/b", ""} {
		folder := must(r.Folder(origin))(t)
		if rel := must(filepath.Rel(r.Dir, folder))(t); strings.ContainsAny(rel, "/") || strings.HasPrefix(rel, "..") {
			t.Errorf("%q: %s", origin, rel)
		}
	}
}
