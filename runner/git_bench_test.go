package runner

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	git "github.com/go-git/go-git/v5"

	"daybook/sweeps"
)

// BenchmarkGit reads the state of a repository of 50,000 files, three of them
// changed: alone, with what a plan records of that, and its status alone by the git binary and by go-git.
func BenchmarkGit(b *testing.B) {
	if _, err := exec.LookPath("git"); err != nil {
		b.Skip("needs git to make the repository")
	}
	const folders, files = 500, 100
	dir := b.TempDir()
	b.Setenv("HOME", b.TempDir())
	for i := range folders {
		folder := filepath.Join(dir, fmt.Sprintf("folder%03d", i))
		if err := os.Mkdir(folder, 0o700); err != nil {
			b.Fatal(err)
		}
		for j := range files {
			if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("file%02d.txt", j)), fmt.Appendf(nil, "%d of %d\n", j, i), 0o600); err != nil {
				b.Fatal(err)
			}
		}
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", "first"}} {
		if out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).CombinedOutput(); err != nil {
			b.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	for _, name := range []string{"folder000/file00.txt", "folder250/file50.txt", "folder499/new.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("changed\n"), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	repo, err := git.PlainOpen(dir)
	if err != nil {
		b.Fatal(err)
	}
	tree, err := repo.Worktree()
	if err != nil {
		b.Fatal(err)
	}
	for _, way := range []struct {
		name string
		read func() (int, error)
	}{
		{"state", func() (int, error) {
			state, err := ReadGit(b.Context(), Root{Dir: dir}, dir)
			return len(state.Files), err
		}},
		{"plan", func() (int, error) {
			p := &planner{sweep: &sweeps.Sweep{Dir: dir}}
			state, tree, err := inspectGit(b.Context(), Root{Dir: dir}, dir)
			if err != nil {
				return 0, err
			}
			_, err = p.describeChanges(b.Context(), &state, tree)
			return len(state.Changes.Files), err
		}},
		{"status/git", func() (int, error) {
			all, err := statusByBinary(b.Context(), dir)
			return len(all), err
		}},
		{"status/go-git", func() (int, error) {
			all, err := statusByLibrary(tree)
			return len(all), err
		}},
	} {
		b.Run(way.name, func(b *testing.B) {
			for b.Loop() {
				if n, err := way.read(); err != nil || n != 3 {
					b.Fatalf("%d changed files, want 3: %v", n, err)
				}
			}
		})
	}
}
