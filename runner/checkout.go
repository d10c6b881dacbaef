package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"daybook/ledger"
)

// restoreCode writes what the run's commit has of the files that a spec names into
// the scratch root, and returns the folder there that is what the root was. The
// repository itself is only read: a work tree of git's own would have to be taken
// back from it.
func (r *Reproduction) restoreCode(ctx context.Context, root Root, names []string) (string, error) {
	state := r.origin.Git
	if state.Commit == "" {
		return "", WithHint(errors.New("--checkout: the run was made outside of a repository, or before its first commit"), "leave --checkout out: data and base are held against their digests all the same")
	}
	repo, err := git.PlainOpenWithOptions(root.Dir, &git.PlainOpenOptions{DetectDotGit: true, EnableDotGitCommonDir: true})
	if err != nil {
		return "", WithHint(fmt.Errorf("--checkout: %s: %w", root.Dir, err), "work in a clone of the repository that the run was made in")
	}
	commit, err := repo.CommitObject(plumbing.NewHash(state.Commit))
	if err != nil {
		advice := "git fetch --all, or a clone that is not shallow, may bring it"
		if state.Remote != "" {
			advice += "; the run was made in " + state.Remote
		}
		return "", WithHint(fmt.Errorf("--checkout: commit %.12s is not in the repository: %w", state.Commit, err), advice)
	}
	tree, err := repo.Worktree()
	if err != nil {
		return "", fmt.Errorf("--checkout: %w", err)
	}
	within, err := filepath.Rel(tree.Filesystem.Root(), root.Dir)
	if err != nil {
		return "", fmt.Errorf("--checkout: %w", err)
	}
	files, err := commit.Tree()
	if err != nil {
		return "", fmt.Errorf("--checkout: commit %.12s: %w", state.Commit, err)
	}
	top := filepath.Join(r.scratch.Dir, "code")
	wanted := func(file string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return isOf(file, path.Join(filepath.ToSlash(within), name)) })
	}
	if err := writeTree(ctx, files, top, wanted); err != nil {
		return "", fmt.Errorf("--checkout: commit %.12s: %w", state.Commit, err)
	}
	r.checkout = state.Commit
	r.noteCode(state)
	return filepath.Join(top, within), nil
}

// noteCode says what of the code's state is not restored.
func (r *Reproduction) noteCode(state ledger.Git) {
	if state.Dirty {
		const most = 5
		names := state.Files[:min(most, len(state.Files))]
		text := strings.Join(names, ", ")
		if more := len(state.Files) - len(names); more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		r.Notes = append(r.Notes, fmt.Sprintf("the run was made with changes that were not committed: the ledger keeps the names (%s), not what was changed; what is read is as committed", text))
	}
	now := Build()
	for _, part := range []string{"daybook", "vcs.revision"} {
		if was := r.origin.Engine[part]; was != now[part] {
			r.Notes = append(r.Notes, fmt.Sprintf("the engine is the one of this binary (%s %.12s), not that of the run (%.12s)", part, orNone(now[part]), orNone(was)))
			return
		}
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// isOf reports whether a file is the one called name, is in the folder called name,
// or matches the pattern name.
func isOf(file, name string) bool {
	matches, err := path.Match(name, file)
	return file == name || strings.HasPrefix(file, name+"/") || err == nil && matches
}

// writeTree writes the files of a tree that are wanted into a new folder. There is
// nothing in submodules, and of what LFS keeps elsewhere a pointer: digests show
// whether that matters.
func writeTree(ctx context.Context, tree *object.Tree, dir string, wanted func(name string) bool) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// Whatever names and links a tree has, nothing is written outside of dir.
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // a folder
	return tree.Files().ForEach(func(f *object.File) error {
		if err := ctx.Err(); err != nil || !wanted(f.Name) {
			return err
		}
		if err := root.MkdirAll(filepath.Dir(filepath.FromSlash(f.Name)), 0o700); err != nil {
			return err
		}
		if f.Mode == filemode.Symlink {
			to, err := f.Contents()
			if err != nil {
				return fmt.Errorf("%s: %w", f.Name, err)
			}
			return root.Symlink(to, filepath.FromSlash(f.Name))
		}
		return writeBlob(root, f)
	})
}

func writeBlob(root *os.Root, f *object.File) (err error) {
	in, err := f.Reader()
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := root.OpenFile(filepath.FromSlash(f.Name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
