package runner

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/index"
	"github.com/go-git/go-git/v5/plumbing/object"

	"daybook/ledger"
)

// Bounds of what is kept of changes beside a commit.
const (
	maxKeptFile = 1 << 20 // bytes of a file; sources have thousands
	maxKept     = 8 << 20 // bytes of all
)

var errTooLarge = fmt.Errorf("has more than %d KiB", maxKeptFile>>10)

// sourceFiles end the names of files that are kept. Others may hold records, which
// are kept nowhere; the ledger has their digests. What a sweep imports is kept
// whatever its name is, as with every sweep.
var sourceFiles = []string{
	".jsonnet", ".libsonnet", ".jinja", ".jinja2", ".j2", ".py", ".sh", ".go", ".mod", ".sum", ".c", ".h", ".cu", ".cuh", ".rs", ".sql",
	".toml", ".yaml", ".yml", ".ini", ".cfg", ".md", "/Makefile", "/Dockerfile", "/.gitignore", "/.gitattributes", "/.gitmodules",
}

// dependence is what a run has to do with a file.
type dependence struct {
	records bool // it holds some
	source  bool // it is part of the sweep, or a template
	digest  ledger.Digest
}

// changes reads what a work tree has beside its commit.
type changes struct {
	tree    *workTree
	read    map[string]dependence // what the sweep has read, by path in the work tree
	index   map[string]*index.Entry
	clean   *scrubber
	ledger  ledger.Changes
	kept    int // bytes
	patches []filePatch
	// artifacts is what the store is to have.
	artifacts [][]byte
}

// describeChanges adds to a state what it has beside the commit, as far as the runs
// of the sweep could depend on it, and returns what the store is to have of that.
func (p *planner) describeChanges(ctx context.Context, state *ledger.Git, tree *workTree) ([][]byte, error) {
	if tree == nil {
		return nil, nil
	}
	idx, err := tree.repo.Storer.Index()
	if err != nil {
		return nil, fmt.Errorf("git: index: %w", err)
	}
	c := &changes{tree: tree, index: map[string]*index.Entry{}, clean: p.scrubber()}
	c.read = p.dependences(tree.dir)
	for _, e := range idx.Entries {
		if e.Mode == filemode.Submodule {
			state.Submodules = append(state.Submodules, submodule(tree.dir, e))
		}
		if _, ok := c.read[e.Name]; ok {
			c.index[e.Name] = e
		}
	}
	if state.LFS, err = c.pointers(); err != nil {
		return nil, err
	}
	below := ""
	if rel, err := filepath.Rel(tree.dir, absolute(p.sweep.Dir)); err == nil && rel != "." {
		below = filepath.ToSlash(rel) + "/"
	}
	wanted := slices.DeleteFunc(slices.Clone(tree.changes), func(f change) bool {
		_, read := c.read[f.path]
		return f.untracked && !read && !strings.HasPrefix(f.path, below)
	})
	for path := range c.read { // and what git ignores
		if c.index[path] == nil && !slices.ContainsFunc(wanted, func(f change) bool { return f.path == path }) {
			wanted = append(wanted, change{path: path, untracked: true})
		}
	}
	// If there are too many, what was read and what is tracked counts more.
	rank := func(f change) int {
		if _, read := c.read[f.path]; read {
			return 0
		} else if !f.untracked {
			return 1
		}
		return 2
	}
	slices.SortFunc(wanted, func(a, b change) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a.path, b.path))
	})
	for _, f := range wanted {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(c.ledger.Files) == maxDirtyFiles {
			c.ledger.More++
			continue
		}
		if err := c.add(f); err != nil {
			return nil, fmt.Errorf("git: %s: %w", f.path, err)
		}
	}
	if len(c.ledger.Files) == 0 {
		return nil, nil
	}
	slices.SortStableFunc(c.ledger.Files, func(a, b ledger.ChangedFile) int { return strings.Compare(a.Path, b.Path) })
	if len(c.patches) > 0 {
		text, err := encodePatch(c.patches)
		if err != nil {
			return nil, fmt.Errorf("git: diff: %w", err)
		}
		c.ledger.Patch = c.keep(text)
	}
	state.Changes = &c.ledger
	return c.artifacts, nil
}

// dependences returns what the sweep has read in a folder.
func (p *planner) dependences(dir string) map[string]dependence {
	out := map[string]dependence{}
	add := func(path string, d dependence) {
		if rel, err := filepath.Rel(dir, absolute(path)); err == nil && filepath.IsLocal(rel) {
			out[filepath.ToSlash(rel)] = d
		}
	}
	for _, r := range p.sweep.Runs {
		if t := r.Spec.Base.ChatTemplate; t != "" {
			add(p.resolve(t), dependence{source: true})
		}
	}
	for _, s := range p.sweep.Sources {
		if s.File != "" {
			add(s.File, dependence{source: true})
		}
	}
	for _, ds := range p.data.m {
		for _, f := range ds.Files {
			add(f.Path, dependence{records: true, digest: hexDigest(f.Digest)})
		}
	}
	return out
}

// absolute is path itself where the working folder is gone.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// submodule describes an entry of the index that is one.
func submodule(dir string, e *index.Entry) ledger.Submodule {
	s := ledger.Submodule{Path: e.Name, Commit: e.Hash.String()}
	if repo, err := git.PlainOpen(filepath.Join(dir, filepath.FromSlash(e.Name))); err == nil {
		if head, err := repo.Head(); err == nil {
			s.At = head.Hash().String()
		}
	}
	return s
}

// pointers returns those of the files that were read of which git has a pointer.
func (c *changes) pointers() (out []ledger.LFSFile, err error) {
	for path, e := range c.index {
		blob, err := c.tree.repo.BlobObject(e.Hash)
		if err != nil || blob.Size > maxPointer { // a partial clone has no large ones
			continue
		}
		data, err := readBlob(blob)
		if err != nil {
			return nil, fmt.Errorf("git: %s: %w", path, err)
		}
		if f, ok := parsePointer(data); ok {
			f.Path = path
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b ledger.LFSFile) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// add describes a file, and keeps it if it may be.
func (c *changes) add(f change) error {
	out := ledger.ChangedFile{Path: f.path, Tracked: !f.untracked}
	err := c.describe(f, &out)
	out.Kept = out.Why == ""
	if _, read := c.read[f.path]; f.untracked && !read && !isSource(f.path) {
		out.Path = ""
	}
	c.ledger.Files = append(c.ledger.Files, out)
	return err
}

func (c *changes) describe(f change, out *ledger.ChangedFile) error {
	path := filepath.Join(c.tree.dir, filepath.FromSlash(f.path))
	read := c.read[f.path]
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist): // which takes no diff, with what was in it, to repeat
		out.Deleted = true
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		out.Why = "it is no plain file"
		return nil
	}
	out.Bytes = info.Size()
	switch {
	case read.records:
		out.Digest, out.Why = read.digest, "it holds records"
		return nil
	case info.Size() > maxKeptFile:
		out.Why = "it " + errTooLarge.Error()
		return nil
	}
	after, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	out.Digest = hexDigest(sha256.Sum256(after))
	if !read.source && !isSource(f.path) {
		out.Why = "it may hold records"
		return nil
	}
	patch := filePatch{path: f.path, created: true}
	if !f.untracked {
		if patch, err = c.committed(f.path); errors.Is(err, errTooLarge) {
			out.Why = err.Error()
			return nil
		} else if err != nil {
			return err
		}
	}
	switch c.kept += len(patch.before) + len(after); {
	case c.kept > maxKept:
		out.Why = fmt.Sprintf("there are more than %d MiB of changes", maxKept>>20)
		return nil
	case !isText(patch.before) || !isText(after):
		out.Why = "it is no text"
		return nil
	}
	var before []byte
	patch.after, out.Why = c.clean.scrub(after)
	before, _ = c.clean.scrub(patch.before)
	if out.Why == "" && !bytes.Equal(before, patch.before) { // the context of a change would tell it
		out.Why = "the commit's holds a secret"
	}
	if patch.before = before; out.Why != "" {
		out.Digest = ""
	}
	if f.untracked {
		out.Copy = c.keep(patch.after)
		return nil
	}
	if patch.afterMode, err = filemode.NewFromOSFileMode(info.Mode()); err != nil {
		return err
	}
	if !patch.restores() {
		out.Why = "it can't be written as a diff"
		return nil
	}
	c.patches = append(c.patches, patch)
	return nil
}

// committed returns a patch that has the commit's side of a file.
func (c *changes) committed(path string) (filePatch, error) {
	p := filePatch{path: path}
	if c.tree.commit == nil {
		p.created = true
		return p, nil
	}
	file, err := c.tree.commit.File(path)
	if errors.Is(err, object.ErrFileNotFound) {
		p.created = true
		return p, nil
	}
	if err != nil {
		return p, err
	}
	if file.Size > maxKeptFile {
		return p, fmt.Errorf("the commit's %w", errTooLarge)
	}
	p.beforeMode = file.Mode
	p.before, err = readBlob(&file.Blob)
	return p, err
}

func readBlob(b *object.Blob) ([]byte, error) {
	r, err := b.Reader()
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}

func isSource(path string) bool {
	return slices.ContainsFunc(sourceFiles, func(end string) bool { return strings.HasSuffix("/"+path, end) })
}

func isText(data []byte) bool { return utf8.Valid(data) && !bytes.ContainsRune(data, 0) }

// keep puts bytes among the artifacts, and returns their digest.
func (c *changes) keep(data []byte) ledger.Digest {
	c.artifacts = append(c.artifacts, data)
	return hexDigest(sha256.Sum256(data))
}
