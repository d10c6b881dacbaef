package runner

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"sort"
	"strings"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"

	"daybook/ledger"
)

// maxDirtyFiles bounds how many changed files are listed by name.
const maxDirtyFiles = 100

// ReadGit returns the state of the repository that holds the root, or the zero
// value outside a repository. Daybook's own outputs don't count as changes.
func ReadGit(root Root) (ledger.Git, error) {
	repo, err := git.PlainOpenWithOptions(root.Dir, &git.PlainOpenOptions{DetectDotGit: true})
	if errors.Is(err, git.ErrRepositoryNotExists) {
		return ledger.Git{}, nil
	}
	if err != nil {
		return ledger.Git{}, fmt.Errorf("git: %w", err)
	}
	var state ledger.Git
	head, err := repo.Head()
	switch {
	case err == nil:
		state.Commit = head.Hash().String()
		if head.Name().IsBranch() {
			state.Branch = head.Name().Short()
		}
	case !errors.Is(err, plumbing.ErrReferenceNotFound): // a repository without a commit has no head
		return ledger.Git{}, fmt.Errorf("git: head: %w", err)
	}
	if remote, err := repo.Remote("origin"); err == nil && len(remote.Config().URLs) > 0 {
		state.Remote = withoutCredentials(remote.Config().URLs[0])
	}
	tree, err := repo.Worktree()
	if errors.Is(err, git.ErrIsBareRepository) {
		return state, nil
	}
	if err != nil {
		return ledger.Git{}, fmt.Errorf("git: work tree: %w", err)
	}
	status, err := tree.Status()
	if err != nil {
		return ledger.Git{}, fmt.Errorf("git: status: %w", err)
	}
	for path, s := range status {
		rel := root.Rel(filepath.Join(tree.Filesystem.Root(), filepath.FromSlash(path)))
		if s.Staging == git.Unmodified && s.Worktree == git.Unmodified ||
			strings.HasPrefix(rel, ".daybook/") || strings.HasPrefix(rel, "adapters/") {
			continue
		}
		state.Dirty = true
		state.Files = append(state.Files, path)
	}
	sort.Strings(state.Files)
	if len(state.Files) > maxDirtyFiles {
		state.Files = state.Files[:maxDirtyFiles]
	}
	return state, nil
}

// withoutCredentials removes user and password from a remote's URL.
func withoutCredentials(remote string) string {
	if u, err := url.Parse(remote); err == nil && u.Host != "" {
		u.User = nil
		u.RawQuery = ""
		return u.String()
	}
	if _, rest, ok := strings.Cut(remote, "@"); ok { // scp form: user@host:path
		return rest
	}
	return remote
}
