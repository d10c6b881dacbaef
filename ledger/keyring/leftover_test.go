package keyring

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"daybook/ledger/evidence"
	"daybook/ledger/folder"
)

// TestLeftover has processes killed while they wrote keys and heads: the next one that
// writes removes what they left, and neither what is being written nor what is in its
// place.
func TestLeftover(t *testing.T) {
	origin := NewOrigin()
	dir := filepath.Join(t.TempDir(), "keys")
	_, public, err := (&Ring{Dir: dir}).Make(origin, "")
	ok(t, err)
	r := &Ring{Dir: dir}
	place := must(r.Folder(origin))(t)
	key := must(r.path(public))(t)
	old := time.Now().Add(-2 * writing)
	left := func(name string, age time.Time) string {
		f, err := folder.Create(filepath.Join(place, name), 0o600)
		ok(t, err)
		ok(t, f.Close())
		ok(t, os.Chtimes(f.Name(), age, age))
		return filepath.Base(f.Name())
	}
	for _, name := range []string{headFile, filepath.Base(key), attestationFile, attestationFile + ".4711"} {
		left(name, old)
	}
	unlinked := filepath.Join(place, attestationFile+".4712")
	ok(t, os.WriteFile(unlinked, nil, 0o600))
	ok(t, os.Chtimes(unlinked, old, old))
	want := []string{filepath.Base(key), headFile, left(headFile, time.Now()), ".mine1"}
	ok(t, os.WriteFile(filepath.Join(place, ".mine1"), nil, 0o600))
	for _, name := range []string{filepath.Base(key), ".mine1"} {
		ok(t, os.Chtimes(filepath.Join(place, name), old, old))
	}
	signer := must(r.Signer(public))(t)
	ok(t, r.See(origin, must(evidence.Head{Origin: origin, Size: 1}.Sign(signer))(t)))
	var got []string
	for _, e := range must(os.ReadDir(place))(t) {
		got = append(got, e.Name())
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("left are %v, want %v", got, want)
	}
}
