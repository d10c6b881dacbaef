package runner

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/go-git/go-git/v5/plumbing/filemode"
	"pgregory.net/rapid"
)

// TestPatch writes changes of several files as one diff, and applies it to what was.
func TestPatch(whole *testing.T) {
	// Few lines and letters, so that they repeat; with and without an end of line.
	text := rapid.StringMatching(`([ab +@-]{0,2}\n){0,12}([ab-]{1,2})?`)
	rapid.Check(whole, func(t *rapid.T) {
		var all []filePatch
		root, err := os.OpenRoot(whole.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = root.Close() }()
		for _, name := range []string{"a.py", "sub/b c.md", "ü.go"} {
			p := filePatch{path: name, created: rapid.Bool().Draw(t, "created"), after: []byte(text.Draw(t, "after")), beforeMode: filemode.Regular, afterMode: filemode.Executable}
			if !p.created {
				p.before = []byte(text.Draw(t, "before"))
				if err := putFile(root, filepath.FromSlash(name), p.before); err != nil {
					t.Fatal(err)
				}
			}
			if !p.restores() {
				t.Fatalf("no diff from %q to %q", p.before, p.after)
			}
			all = append(all, p)
		}
		diff, err := encodePatch(all)
		if err != nil {
			t.Fatal(err)
		}
		if err := applyPatch(root, diff, func(string) bool { return true }); err != nil {
			t.Fatalf("%v\n%s", err, diff)
		}
		for _, p := range all {
			if got, err := root.ReadFile(filepath.FromSlash(p.path)); err != nil || string(got) != string(p.after) {
				t.Fatalf("%s is %q, want %q: %v\n%s", p.path, got, p.after, err, diff)
			}
		}
	})
}
