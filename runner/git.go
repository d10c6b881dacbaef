package runner

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"daybook/ledger"
)

// maxDirtyFiles bounds how many changed files are listed by name.
const maxDirtyFiles = 100

// ReadGit returns the state of the repository that holds dir, the folder of a
// sweep, or the zero value outside a repository. Outputs of the root don't count
// as changes.
func ReadGit(ctx context.Context, root Root, dir string) (ledger.Git, error) {
	state, _, err := inspectGit(ctx, root, dir)
	return state, err
}

// inspectGit is ReadGit that also returns what it has found, nil outside a repository.
func inspectGit(ctx context.Context, root Root, dir string) (ledger.Git, *workTree, error) {
	state, tree, err := readGit(ctx, root, dir)
	if err != nil {
		return ledger.Git{}, nil, WithHint(fmt.Errorf("git: %w", err), "runs record the commit they are made from; see whether 'git status' works in "+dir)
	}
	return state, tree, nil
}

// ErrNotClean is wrapped by errors of RequireClean about the state itself.
var ErrNotClean = errors.New("no commit says what would run")

// RequireClean returns an error unless everything in the repository that holds dir is
// as a commit has it, Daybook's own outputs aside.
func RequireClean(ctx context.Context, root Root, dir string) error {
	state, tree, err := inspectGit(ctx, root, dir)
	switch {
	case err != nil:
		return err
	case state.None:
		return WithHint(fmt.Errorf("git: %w: there is no repository", ErrNotClean), "put the sweep under version control: git init, git add, git commit")
	case state.Dirty:
		return WithHint(fmt.Errorf("git: %w: there are files that are changed or untracked", ErrNotClean), "commit, ignore or remove "+fewNames(tree.names()))
	case state.Commit == "":
		return WithHint(fmt.Errorf("git: %w: there is none yet", ErrNotClean), "git add and git commit make the first")
	}
	return nil
}

// fewNames lists names for people, the first few if there are many.
func fewNames(names []string) string {
	const most = 5
	text := strings.Join(names[:min(most, len(names))], ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// workTree is the work tree of a repository, and what in it is not as its commit has it.
type workTree struct {
	dir     string // absolute
	repo    *git.Repository
	commit  *object.Commit // nil before the first
	changes []change       // in the order of their paths
}

// names returns those of what is not as committed.
func (w *workTree) names() []string {
	out := make([]string, len(w.changes))
	for i, c := range w.changes {
		out[i] = c.path
	}
	return out
}

func readGit(ctx context.Context, root Root, dir string) (state ledger.Git, w *workTree, err error) {
	repo, err := git.PlainOpenWithOptions(dir, &git.PlainOpenOptions{DetectDotGit: true, EnableDotGitCommonDir: true})
	if errors.Is(err, git.ErrRepositoryNotExists) {
		state.None = true
		return state, nil, nil
	}
	if err != nil {
		return state, nil, err
	}
	w = &workTree{repo: repo}
	head, err := repo.Head()
	switch {
	case err == nil:
		state.Commit = head.Hash().String()
		if head.Name().IsBranch() {
			state.Branch = head.Name().Short()
		}
		if w.commit, err = repo.CommitObject(head.Hash()); err != nil {
			return state, nil, fmt.Errorf("head: %w", err)
		}
	case !errors.Is(err, plumbing.ErrReferenceNotFound): // a repository without a commit has no head
		return state, nil, fmt.Errorf("head: %w", err)
	}
	if remote, err := repo.Remote("origin"); err == nil && len(remote.Config().URLs) > 0 {
		state.Remote = withoutSecrets(remote.Config().URLs[0])
	}
	tree, err := repo.Worktree()
	if errors.Is(err, git.ErrIsBareRepository) {
		return state, nil, nil
	}
	if err != nil {
		return state, nil, fmt.Errorf("work tree: %w", err)
	}
	w.dir = tree.Filesystem.Root()
	all, err := status(ctx, tree)
	if err != nil {
		return state, nil, fmt.Errorf("status: %w", err)
	}
	for _, c := range all {
		rel := root.Rel(filepath.Join(w.dir, filepath.FromSlash(c.path)))
		if strings.HasPrefix(rel, ".daybook/") || strings.HasPrefix(rel, "adapters/") {
			continue
		}
		w.changes = append(w.changes, c)
		switch {
		case c.untracked:
			state.Untracked++
		case len(state.Files) < maxDirtyFiles:
			state.Files = append(state.Files, c.path)
		}
	}
	state.Dirty = len(w.changes) > 0
	return state, w, nil
}

// withoutSecrets removes from a remote's URL what is nobody's business: user,
// password, query, and all but the name of a folder on this machine.
func withoutSecrets(remote string) string {
	if u, err := url.Parse(remote); err == nil && u.Host != "" {
		return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
	}
	host, path, ok := strings.Cut(remote, ":")
	if !ok || len(host) < 2 || strings.ContainsAny(host, `/\`) || strings.HasPrefix(path, "//") {
		return filepath.Base(filepath.FromSlash(remote)) // of another clone
	}
	if _, rest, ok := strings.Cut(host, "@"); ok { // scp form: user@host:path
		host = rest
	}
	return host + ":" + path
}
