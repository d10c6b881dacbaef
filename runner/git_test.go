package runner_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing/object"

	"daybook/ledger"
	"daybook/runner"
)

// repository makes a repository with one commit in a folder, and no
// configuration from outside.
func repository(t *testing.T) (string, *git.Repository) {
	t.Helper()
	dir, home := t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	repo, err := git.PlainInit(dir, false)
	check(t, err)
	write(t, filepath.Join(dir, "sweep.jsonnet"), "{}")
	tree, err := repo.Worktree()
	check(t, err)
	_, err = tree.Add("sweep.jsonnet")
	check(t, err)
	_, err = tree.Commit("first", &git.CommitOptions{Author: &object.Signature{Name: "a", Email: "a@example.org", When: time.Unix(1, 0)}})
	check(t, err)
	return dir, repo
}

func write(t *testing.T, path, text string) {
	t.Helper()
	check(t, os.MkdirAll(filepath.Dir(path), 0o700))
	check(t, os.WriteFile(path, []byte(text), 0o600))
}

func readGit(t *testing.T, root, dir string) ledger.Git {
	t.Helper()
	state, err := runner.ReadGit(t.Context(), runner.Root{Dir: root}, dir)
	check(t, err)
	return state
}

func TestGitOwnOutputs(t *testing.T) {
	dir, repo := repository(t)
	head, err := repo.Head()
	check(t, err)
	write(t, filepath.Join(dir, ".daybook", "ledger.db"), "x")
	write(t, filepath.Join(dir, "adapters", "tiny", "v0001", "README.md"), "x")
	state := readGit(t, dir, dir)
	if state.Commit != head.Hash().String() || state.Branch != "master" || state.Dirty || len(state.Files) > 0 {
		t.Errorf("own outputs: %+v", state)
	}

	// The same files of another root are somebody's.
	write(t, filepath.Join(dir, "sub", "adapters", "notes.txt"), "x")
	write(t, filepath.Join(dir, "sweep.jsonnet"), "{ }")
	state = readGit(t, dir, filepath.Join(dir, "sub"))
	if want := []string{"sweep.jsonnet"}; !state.Dirty || !slices.Equal(state.Files, want) || state.Untracked != 1 {
		t.Errorf("files are %v and %d untracked, want %v and 1", state.Files, state.Untracked, want)
	}
	if state = readGit(t, filepath.Join(dir, "sub"), dir); state.Untracked != 2 { // those of dir
		t.Errorf("with the root's own outputs, which count for nothing, %d files are untracked", state.Untracked)
	}
}

func TestGitIgnored(t *testing.T) {
	dir, _ := repository(t)
	home, err := os.UserHomeDir()
	check(t, err)
	write(t, filepath.Join(home, ".gitconfig"), "[core]\n\texcludesfile = "+filepath.Join(home, "everywhere")+"\n")
	write(t, filepath.Join(home, "everywhere"), "*.swp\n")
	write(t, filepath.Join(dir, "x.swp"), "x")
	if state := readGit(t, dir, dir); state.Dirty {
		t.Errorf("what the user ignores everywhere is a change: %+v", state)
	}
	t.Setenv("HOME", "")
	if state := readGit(t, dir, dir); !state.Dirty {
		t.Error("a file that nobody ignores is no change")
	}
}

func TestGitNone(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	dir := t.TempDir()
	if state := readGit(t, dir, dir); state.Commit != "" || state.Dirty {
		t.Errorf("no repository: %+v", state)
	}
	if _, err := git.PlainInit(dir, false); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "a"), "x")
	if state := readGit(t, dir, dir); state.Commit != "" || !state.Dirty {
		t.Errorf("no commit: %+v", state)
	}
	write(t, filepath.Join(dir, ".git", "config"), "[core\n")
	if _, err := runner.ReadGit(t.Context(), runner.Root{Dir: dir}, dir); err == nil || runner.HintOf(err) == "" {
		t.Errorf("a damaged repository: %v", err)
	}
}

func TestGitRemote(t *testing.T) {
	for url, want := range map[string]string{
		"https://somebody:secret@example.org/a.git":     "https://example.org/a.git",
		"https://token@example.org/a.git?access=secret": "https://example.org/a.git",
		"https://example.org/a.git#secret":              "https://example.org/a.git",
		"ssh://git@example.org:2222/a.git":              "ssh://example.org:2222/a.git",
		"git@example.org:team/a.git":                    "example.org:team/a.git",
		"example.org:team/a.git":                        "example.org:team/a.git",
		"/home/somebody/a.git":                          "a.git",
		"file:///home/somebody/a.git":                   "a.git",
		"../a.git":                                      "a.git",
	} {
		t.Run(url, func(t *testing.T) {
			dir, repo := repository(t)
			_, err := repo.CreateRemote(&config.RemoteConfig{Name: "origin", URLs: []string{url}})
			check(t, err)
			if got := readGit(t, dir, dir).Remote; got != want {
				t.Errorf("remote is %q, want %q", got, want)
			}
		})
	}
}
