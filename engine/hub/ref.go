package hub

import (
	"fmt"
	"regexp"
	"strings"
)

// Prefix begins the name of a model of the Hub.
const Prefix = "hf:"

// Ref names a model of the Hub at a revision.
type Ref struct {
	Repo     string // "org/name"
	Revision string // branch, tag or commit; "main" if a name says none
}

var (
	repoPattern     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$`)
	revisionPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*$`)
	commitPattern   = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// IsName tells whether name is one of the Hub's.
func IsName(name string) bool { return strings.HasPrefix(name, Prefix) }

// Parse reads "hf:org/name@revision". It refuses whatever could lead out of the
// cache.
func Parse(name string) (Ref, error) {
	repo, revision, given := strings.Cut(strings.TrimPrefix(name, Prefix), "@")
	if !given {
		revision = "main"
	}
	switch {
	case !IsName(name), !repoPattern.MatchString(repo), strings.Contains(repo, ".."), strings.Contains(repo, "--"), len(repo) > 200:
		return Ref{}, &Error{Name: name, Err: errName, Advice: "a model of the Hub is written hf:org/name or hf:org/name@revision"}
	case !revisionPattern.MatchString(revision), strings.Contains(revision, ".."), len(revision) > 200:
		return Ref{}, &Error{Name: name, Err: fmt.Errorf("%q is no revision", revision), Advice: "a revision is a branch, a tag or a commit, such as main or 0123abc..."}
	}
	return Ref{Repo: repo, Revision: revision}, nil
}

// Pinned tells whether r names a commit, which can't move.
func (r Ref) Pinned() bool { return commitPattern.MatchString(r.Revision) }

// String returns the name that Parse reads.
func (r Ref) String() string { return Prefix + r.Repo + "@" + r.Revision }
