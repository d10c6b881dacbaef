package runner

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/gitignore"

	"daybook/ledger"
)

// maxDirtyFiles bounds how many changed files are listed by name.
const maxDirtyFiles = 100

// ReadGit returns the state of the repository that holds dir, the folder of a
// sweep, or the zero value outside a repository. Outputs of the root don't count
// as changes.
func ReadGit(root Root, dir string) (ledger.Git, error) {
	state, err := readGit(root, dir)
	if err != nil {
		return ledger.Git{}, WithHint(fmt.Errorf("git: %w", err), "runs record the commit they are made from; see whether 'git status' works in "+dir)
	}
	return state, nil
}

func readGit(root Root, dir string) (state ledger.Git, err error) {
	repo, err := git.PlainOpenWithOptions(dir, &git.PlainOpenOptions{DetectDotGit: true, EnableDotGitCommonDir: true})
	if errors.Is(err, git.ErrRepositoryNotExists) {
		return state, nil
	}
	if err != nil {
		return state, err
	}
	head, err := repo.Head()
	switch {
	case err == nil:
		state.Commit = head.Hash().String()
		if head.Name().IsBranch() {
			state.Branch = head.Name().Short()
		}
	case !errors.Is(err, plumbing.ErrReferenceNotFound): // a repository without a commit has no head
		return state, fmt.Errorf("head: %w", err)
	}
	if remote, err := repo.Remote("origin"); err == nil && len(remote.Config().URLs) > 0 {
		state.Remote = withoutSecrets(remote.Config().URLs[0])
	}
	tree, err := repo.Worktree()
	if errors.Is(err, git.ErrIsBareRepository) {
		return state, nil
	}
	if err != nil {
		return state, fmt.Errorf("work tree: %w", err)
	}
	if tree.Excludes, err = ignoredEverywhere(); err != nil {
		return state, fmt.Errorf("ignored files: %w", err)
	}
	status, err := tree.Status()
	if err != nil {
		return state, fmt.Errorf("status: %w", err)
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
