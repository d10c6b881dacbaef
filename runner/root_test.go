package runner_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"daybook/runner"
)

func TestFindRoot(t *testing.T) {
	top := t.TempDir()
	deep := filepath.Join(top, "a", "b", "c")
	check(t, os.MkdirAll(deep, 0o700))
	t.Chdir(deep)
	find := func() string {
		t.Helper()
		root, err := runner.FindRoot(".")
		check(t, err)
		return root.Dir
	}
	if got := find(); got != deep {
		t.Errorf("without a mark: %s, want the working folder %s", got, deep)
	}
	check(t, os.WriteFile(filepath.Join(top, ".git"), []byte("gitdir: elsewhere\n"), 0o600)) // as in a linked work tree
	if got := find(); got != top {
		t.Errorf("below .git: %s, want %s", got, top)
	}
	check(t, os.Mkdir(filepath.Join(top, "a", ".daybook"), 0o700))
	if got, want := find(), filepath.Join(top, "a"); got != want {
		t.Errorf("below .daybook: %s, want %s", got, want)
	}
}

func TestRel(t *testing.T) {
	root := runner.Root{Dir: filepath.Join(t.TempDir(), "root")}
	check(t, os.MkdirAll(root.Dir, 0o700))
	t.Chdir(root.Dir)
	for _, c := range []struct{ path, rel, reach string }{
		{"a", "a", "a"},
		{filepath.Join(root.Dir, "a", "b"), "a/b", "a/b"},
		{root.Dir, ".", "."},
		{filepath.Join(root.Dir, "..", "model"), "…/model", "../model"},
		{filepath.Join("..", "..", "model"), "…/model", "../../model"},
		{filepath.Join(root.Dir, "..a"), "..a", "..a"},
		{filepath.Join(root.Dir+"s", "x"), "…/x", "../roots/x"},
	} {
		if got := root.Rel(c.path); got != c.rel {
			t.Errorf("Rel(%q) = %q, want %q", c.path, got, c.rel)
		}
		if got := root.Reach(c.path); got != c.reach {
			t.Errorf("Reach(%q) = %q, want %q", c.path, got, c.reach)
		}
		abs, err := filepath.Abs(c.path)
		check(t, err)
		if got := root.Abs(root.Reach(c.path)); got != abs {
			t.Errorf("Abs(Reach(%q)) = %q, want %q", c.path, got, abs)
		}
	}
}

// TestRecordKeyRace has many first commands at once; all get the same key.
func TestRecordKeyRace(t *testing.T) {
	root := runner.Root{Dir: t.TempDir()}
	check(t, root.Prepare())
	keys := make([][]byte, 16)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			key, err := root.RecordKey()
			if err != nil {
				t.Error(err)
			}
			keys[i] = key
		})
	}
	wg.Wait()
	for _, key := range keys {
		if len(key) != 32 || !bytes.Equal(key, keys[0]) {
			t.Fatalf("keys differ: %x and %x", key, keys[0])
		}
	}
	entries, err := os.ReadDir(filepath.Join(root.State(), "keys"))
	check(t, err)
	if len(entries) != 1 {
		t.Errorf("%d files are left, want the key alone", len(entries))
	}
	info, err := entries[0].Info()
	check(t, err)
	if info.Mode().Perm()&0o077 != 0 {
		t.Errorf("others may read the key: %s", info.Mode())
	}
}

func TestPrepare(t *testing.T) {
	root := runner.Root{Dir: t.TempDir()}
	check(t, root.Prepare())
	ignore := filepath.Join(root.State(), ".gitignore")
	data, err := os.ReadFile(ignore)
	check(t, err)
	if strings.TrimSpace(string(data)) != "*" {
		t.Errorf(".gitignore is %q", data)
	}
	check(t, os.WriteFile(ignore, []byte("*\n!keys\n"), 0o600))
	check(t, root.Prepare())
	if data, err = os.ReadFile(ignore); err != nil || !strings.Contains(string(data), "!keys") {
		t.Errorf("a .gitignore that somebody edited was replaced: %q, %v", data, err)
	}
}
