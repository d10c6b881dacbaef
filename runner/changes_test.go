package runner

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	git "github.com/go-git/go-git/v5"

	"daybook/ledger"
	"daybook/ledger/store"
	"daybook/sweeps"
)

// workspace makes a repository with git, and returns its folder and what runs git
// in it.
func workspace(t *testing.T) (dir string, run func(args ...string)) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git to make the repository")
	}
	dir = t.TempDir()
	t.Setenv("HOME", t.TempDir())
	run = func(args ...string) {
		t.Helper()
		args = append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.org"}, args...)
		if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	run("init", "-q")
	return dir, run
}

func put(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// describeIn returns the state of a repository to a sweep in its folder sweeps, and
// what the store is to have.
func describeIn(t *testing.T, dir string, read ...string) (ledger.Git, [][]byte) {
	t.Helper()
	p := &planner{sweep: &sweeps.Sweep{Dir: filepath.Join(dir, "sweeps")}}
	for _, path := range read {
		p.sweep.Sources = append(p.sweep.Sources, sweeps.Source{File: path})
	}
	state, tree, err := inspectGit(t.Context(), Root{Dir: dir}, dir)
	if err != nil {
		t.Fatal(err)
	}
	artifacts, err := p.describeChanges(t.Context(), &state, tree)
	if err != nil {
		t.Fatal(err)
	}
	return state, artifacts
}

// TestChanges says of each file that is not as committed whether it is kept, and
// restores those that are.
func TestChanges(t *testing.T) {
	dir, run := workspace(t)
	for name, text := range map[string]string{
		"lib/a.py": "one\ntwo\n", "lib/gone.py": "x\n", "lib/data.csv": "a,b\n", "lib/latin.py": "x\n", "lib/large.py": "x\n", "sweeps/s.jsonnet": "{}\n", ".gitignore": "ignored/\n",
	} {
		put(t, dir, name, text)
	}
	run("add", ".")
	run("commit", "-q", "-m", "first")
	if state, _ := describeIn(t, dir); state.Changes != nil || state.Dirty || state.None {
		t.Fatalf("clean: %+v", state)
	}
	put(t, dir, "lib/a.py", "one\n2\n")
	put(t, dir, "lib/data.csv", "a,b\n1,2\n")
	put(t, dir, "lib/latin.py", "\xe9\n")
	put(t, dir, "lib/large.py", strings.Repeat("x", maxKeptFile+1))
	put(t, dir, "sweeps/new.py", "new\n")
	put(t, dir, "sweeps/new.bin", "new\n")
	put(t, dir, "elsewhere.py", "no run depends on it\n")
	imported := put(t, dir, "ignored/imported", "{}\n")
	put(t, dir, "ignored/other.py", "x\n")
	run("rm", "-q", "lib/gone.py")
	state, artifacts := describeIn(t, dir, imported)
	var got []string
	for _, f := range state.Changes.Files {
		got = append(got, fmt.Sprintf("%s %t %t %s", f.Path, f.Kept, f.Copy != "", f.Why))
	}
	want := []string{
		" false false it may hold records", // sweeps/new.bin, which nothing read
		"ignored/imported true true ",
		"lib/a.py true false ",
		"lib/data.csv false false it may hold records",
		"lib/gone.py true false ",
		"lib/large.py false false it has more than 1024 KiB",
		"lib/latin.py false false it is no text",
		"sweeps/new.py true true ",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("files:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	nameless := fmt.Sprintf("%+v", *state.Nameless().Changes)
	if strings.Contains(nameless, "a.py") || !strings.Contains(nameless, state.Changes.Patch) || state.Changes.Files[1].Path == "" {
		t.Errorf("without names: %s", nameless)
	}

	kept := store.New(t.TempDir())
	for _, data := range artifacts {
		if _, err := kept.Put(t.Context(), strings.NewReader(string(data))); err != nil {
			t.Fatal(err)
		}
	}
	repo, err := git.PlainOpen(dir)
	if err != nil {
		t.Fatal(err)
	}
	head, err := repo.Head()
	if err != nil {
		t.Fatal(err)
	}
	commit, err := repo.CommitObject(head.Hash())
	if err != nil {
		t.Fatal(err)
	}
	tree, err := commit.Tree()
	if err != nil {
		t.Fatal(err)
	}
	top := filepath.Join(t.TempDir(), "code")
	put(t, dir, "lib/data.csv", "a,b\n3,4\n") // other records than those that were read
	c := &checkout{dir: dir, wanted: func(string) bool { return true }}
	if err := c.write(t.Context(), tree, top); err != nil {
		t.Fatal(err)
	}
	if err := c.apply(t.Context(), state.Changes, kept, top); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"lib/a.py": "one\n2\n", "lib/data.csv": "a,b\n", "lib/latin.py": "\xe9\n", "sweeps/new.py": "new\n", "sweeps/s.jsonnet": "{}\n", "ignored/imported": "{}\n",
	} {
		if got, err := os.ReadFile(filepath.Join(top, name)); err != nil || string(got) != text {
			t.Errorf("%s is %q, want %q: %v", name, got, text, err)
		}
	}
	if _, err := os.Stat(filepath.Join(top, "lib/gone.py")); err == nil {
		t.Error("a file that was deleted is there")
	}
	if len(c.notes) != 2 { // the records, and what is too large
		t.Errorf("notes: %q", c.notes)
	}
}

// TestManyChanges lists what a run has read, however many files there are beside it.
func TestManyChanges(t *testing.T) {
	dir, run := workspace(t)
	put(t, dir, "tracked.py", "x\n")
	run("add", ".")
	run("commit", "-q", "-m", "first")
	put(t, dir, "tracked.py", "y\n")
	for i := range maxDirtyFiles {
		put(t, dir, fmt.Sprintf("sweeps/%03d.py", i), "x\n")
	}
	imported := put(t, dir, "sweeps/z.libsonnet", "{}\n")
	state, artifacts := describeIn(t, dir, imported)
	c := state.Changes
	if len(c.Files) != maxDirtyFiles || c.More != 2 || c.Files[len(c.Files)-1].Path != "tracked.py" || c.Files[len(c.Files)-2].Path != "sweeps/z.libsonnet" || len(artifacts) != maxDirtyFiles {
		t.Errorf("%d files and %d more, the last %+v; %d artifacts", len(c.Files), c.More, c.Files[len(c.Files)-1], len(artifacts))
	}
}

// TestPointers finds submodules, and files of which git has a pointer alone.
func TestPointers(t *testing.T) {
	dir, run := workspace(t)
	content := "the content\n"
	digest := hexDigest(sha256.Sum256([]byte(content)))
	path := put(t, dir, "sweeps/large.libsonnet", "version https://git-lfs.github.com/spec/v1\noid sha256:"+digest+"\nsize 12\n")
	run("add", ".")
	run("update-index", "--add", "--cacheinfo", "160000,0123456789012345678901234567890123456789,vendor")
	run("commit", "-q", "-m", "first")
	put(t, dir, ".git/lfs/objects/"+digest[:2]+"/"+digest[2:4]+"/"+digest, content)
	state, _ := describeIn(t, dir, path)
	if len(state.LFS) != 1 || state.LFS[0] != (ledger.LFSFile{Path: "sweeps/large.libsonnet", Digest: digest, Bytes: 12}) {
		t.Errorf("pointers: %+v", state.LFS)
	}
	if len(state.Submodules) != 1 || state.Submodules[0] != (ledger.Submodule{Path: "vendor", Commit: "0123456789012345678901234567890123456789"}) {
		t.Errorf("submodules: %+v", state.Submodules)
	}
	repo, err := git.PlainOpen(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, tree, err := inspectGit(t.Context(), Root{Dir: dir}, dir)
	if err != nil {
		t.Fatal(err)
	}
	files, err := tree.commit.Tree()
	if err != nil {
		t.Fatal(err)
	}
	top := filepath.Join(t.TempDir(), "code")
	c := &checkout{dir: dir, wanted: func(string) bool { return true }, objects: lfsObjects(repo)}
	if err := c.write(t.Context(), files, top); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(top, "sweeps/large.libsonnet")); err != nil || string(got) != content {
		t.Errorf("a pointer leads to %q: %v", got, err)
	}
}
