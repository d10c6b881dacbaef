package runner

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/format/gitignore"
)

// change is a file that is not as in the commit.
type change struct {
	path      string // relative to the work tree, with forward slashes
	untracked bool
}

// status returns what is changed or untracked and not ignored, in order. The git
// binary is asked where there is one: go-git hashes files that are not, or takes
// longer to find that out, and knows no filters, so that to it every file of LFS
// is changed.
func status(ctx context.Context, tree *git.Worktree) ([]change, error) {
	all, err := statusByBinary(ctx, tree.Filesystem.Root())
	if err != nil { // there is none, or it refuses what go-git may read
		all, err = statusByLibrary(tree)
	}
	slices.SortFunc(all, func(a, b change) int { return strings.Compare(a.path, b.path) })
	return all, err
}

func statusByBinary(ctx context.Context, dir string) ([]change, error) {
	cmd := exec.CommandContext(ctx, "git", "-C", dir, "--no-optional-locks", "-c", "core.fsmonitor=false",
		"status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=none")
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { // as a hook has them, of another repository
		return strings.HasPrefix(v, "GIT_") && !strings.HasPrefix(v, "GIT_CONFIG")
	})
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git status: %w", err)
	}
	var all []change
	for line := range bytes.SplitSeq(out, []byte{0}) {
		if len(line) > len("XY ") {
			all = append(all, change{path: string(line[len("XY "):]), untracked: line[0] == '?'})
		}
	}
	return all, nil
}

func statusByLibrary(tree *git.Worktree) (all []change, err error) {
	if tree.Excludes, err = ignoredEverywhere(); err != nil {
		return nil, fmt.Errorf("ignored files: %w", err)
	}
	found, err := tree.Status()
	if err != nil {
		return nil, err
	}
	for path, s := range found {
		if s.Staging != git.Unmodified || s.Worktree != git.Unmodified {
			all = append(all, change{path: path, untracked: s.Worktree == git.Untracked})
		}
	}
	return all, nil
}

// ignoredEverywhere returns what the system and the user have git ignore in every
// repository.
func ignoredEverywhere() ([]gitignore.Pattern, error) {
	disk := osfs.New("/")
	patterns, err := gitignore.LoadSystemPatterns(disk)
	if err != nil {
		return nil, err
	}
	if _, err := os.UserHomeDir(); err != nil {
		return patterns, nil // a user without a folder has no configuration
	}
	own, err := gitignore.LoadGlobalPatterns(disk)
	return append(patterns, own...), err
}
