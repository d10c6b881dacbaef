package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"daybook/ledger"
	"daybook/ledger/store"
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
	c := &checkout{dir: tree.Filesystem.Root(), wanted: wanted, objects: lfsObjects(repo), changed: map[string]bool{}}
	if state.Changes != nil {
		for _, f := range state.Changes.Files {
			c.changed[f.Path] = true
		}
	}
	if err := c.write(ctx, files, top); err != nil {
		return "", fmt.Errorf("--checkout: commit %.12s: %w", state.Commit, err)
	}
	if err := c.apply(ctx, state.Changes, store.New(root.Store()), top); err != nil {
		return "", WithHint(fmt.Errorf("--checkout: what was not committed: %w", err), "'daybook verify' tells whether the store was damaged; it keeps the diff")
	}
	r.checkout = state.Commit
	r.Notes = append(r.Notes, c.notes...)
	r.noteCode(state)
	return filepath.Join(top, within), nil
}

// noteCode says what of the code's state is not restored.
func (r *Reproduction) noteCode(state ledger.Git) {
	switch {
	case state.Dirty && state.Changes == nil && len(state.Files) > 0:
		r.Notes = append(r.Notes, fmt.Sprintf("the run was made with changes that were not committed: the ledger keeps the names (%s), not what was changed; what is read is as committed", fewNames(state.Files)))
	case state.Changes != nil && state.Changes.More > 0:
		r.Notes = append(r.Notes, fmt.Sprintf("%d more files were changed or untracked than the ledger lists; they are as committed", state.Changes.More))
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

// checkout restores the state of code in a folder of its own.
type checkout struct {
	dir     string                 // the work tree that there is, which is only read
	wanted  func(name string) bool // by the run
	changed map[string]bool        // what was not as committed is restored in any case
	objects string                 // folder of what LFS has; it may not be there
	root    *os.Root
	notes   []string
}

// lfsObjects returns where LFS keeps the files of a repository (git-lfs, docs/spec.md).
func lfsObjects(repo *git.Repository) string {
	if s, ok := repo.Storer.(*filesystem.Storage); ok {
		return filepath.Join(s.Filesystem().Root(), "lfs", "objects")
	}
	return ""
}

// apply restores in the folder top what was not committed, and notes what it can't:
// of files that the ledger has a digest of, the bytes may be where they were.
func (c *checkout) apply(ctx context.Context, changes *ledger.Changes, s *store.Store, top string) (err error) {
	if changes == nil {
		return nil
	}
	if c.root, err = os.OpenRoot(top); err != nil {
		return err
	}
	defer func() { _ = c.root.Close() }() // a folder
	kept := map[string]bool{}
	for _, f := range changes.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		name := filepath.FromSlash(f.Path)
		kept[f.Path] = f.Kept && f.Tracked && !f.Deleted
		switch {
		case f.Deleted:
			if err := c.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		case f.Kept && f.Copy != "":
			data, err := readArtifact(s, f.Copy)
			if err != nil {
				return fmt.Errorf("%s: %w", f.Path, err)
			}
			if err := putFile(c.root, name, data); err != nil {
				return fmt.Errorf("%s: %w", f.Path, err)
			}
		case !f.Kept && f.Path != "" && c.wanted(f.Path):
			if err := c.fromWorkTree(name, f); err != nil {
				return fmt.Errorf("%s: %w", f.Path, err)
			}
		}
	}
	if changes.Patch == "" {
		return nil
	}
	text, err := readArtifact(s, changes.Patch)
	if err != nil {
		return err
	}
	return applyPatch(c.root, text, func(name string) bool { return kept[name] })
}

// fromWorkTree takes a file that is not kept from where it was, if it is still that.
func (c *checkout) fromWorkTree(name string, f ledger.ChangedFile) error {
	at := filepath.Join(c.dir, name)
	if got, err := digestFile(at); err != nil || f.Digest == "" || got != f.Digest {
		how := "it is left as committed"
		if !f.Tracked {
			how = "it is left out"
		}
		c.notes = append(c.notes, fmt.Sprintf("%s was not committed, and is not kept (%s): %s", f.Path, f.Why, how))
		return nil
	}
	data, err := os.ReadFile(at)
	if err != nil {
		return err
	}
	return putFile(c.root, name, data)
}

func readArtifact(s *store.Store, digest ledger.Digest) ([]byte, error) {
	r, err := s.Open(digest)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}

// isOf reports whether a file is the one called name, is in the folder called name,
// or matches the pattern name.
func isOf(file, name string) bool {
	matches, err := path.Match(name, file)
	return file == name || strings.HasPrefix(file, name+"/") || err == nil && matches
}

// write writes the files of a tree that are wanted into a new folder. There is
// nothing in submodules, and of what LFS keeps only what is on this machine: of the
// rest a pointer. Digests show whether that matters.
func (c *checkout) write(ctx context.Context, tree *object.Tree, dir string) error {
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
		if err := ctx.Err(); err != nil || !c.wanted(f.Name) && !c.changed[f.Name] {
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
		return c.writeBlob(root, f)
	})
}

func (c *checkout) writeBlob(root *os.Root, f *object.File) (err error) {
	in, err := c.content(f)
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

// content opens a file of a tree or, if that is a pointer, what it points to.
func (c *checkout) content(f *object.File) (io.ReadCloser, error) {
	if f.Size <= maxPointer {
		data, err := readBlob(&f.Blob)
		if err != nil {
			return nil, err
		}
		if p, ok := parsePointer(data); ok {
			if object, err := os.Open(filepath.Join(c.objects, p.Digest[:2], p.Digest[2:4], p.Digest)); err == nil {
				return object, nil
			}
		}
	}
	return f.Reader()
}
