package runner

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/diff"
	compare "github.com/go-git/go-git/v5/utils/diff"
	"github.com/sergi/go-diff/diffmatchpatch"
)

// filePatch is how one file changed. It is what package diff wants to know of it.
type filePatch struct {
	path                  string // relative to the work tree, with forward slashes
	created               bool
	before, after         []byte
	beforeMode, afterMode filemode.FileMode
}

// patchSide is one side of a filePatch.
type patchSide struct {
	path string
	mode filemode.FileMode
	data []byte
}

func (s patchSide) Hash() plumbing.Hash     { return plumbing.ComputeHash(plumbing.BlobObject, s.data) }
func (s patchSide) Mode() filemode.FileMode { return s.mode }
func (s patchSide) Path() string            { return s.path }

// IsBinary implements diff.FilePatch.
func (filePatch) IsBinary() bool { return false }

// Files implements diff.FilePatch.
func (p filePatch) Files() (from, to diff.File) {
	to = patchSide{p.path, p.afterMode, p.after}
	if !p.created {
		from = patchSide{p.path, p.beforeMode, p.before}
	}
	return from, to
}

// Chunks implements diff.FilePatch.
func (p filePatch) Chunks() []diff.Chunk {
	operation := map[diffmatchpatch.Operation]diff.Operation{diffmatchpatch.DiffDelete: diff.Delete, diffmatchpatch.DiffInsert: diff.Add, diffmatchpatch.DiffEqual: diff.Equal}
	var out []diff.Chunk
	for _, d := range compare.Do(string(p.before), string(p.after)) {
		out = append(out, patchChunk{d.Text, operation[d.Type]})
	}
	return out
}

type patchChunk struct {
	content   string
	operation diff.Operation
}

func (c patchChunk) Content() string      { return c.content }
func (c patchChunk) Type() diff.Operation { return c.operation }

// restores reports whether the patch, written and read again, makes the file.
func (p filePatch) restores() bool {
	text, err := encodePatch([]filePatch{p})
	if err != nil {
		return false
	}
	files, err := parsePatch(text)
	if err != nil || len(files) != 1 || files[0].NewName != p.path {
		return false
	}
	var out bytes.Buffer
	return gitdiff.Apply(&out, bytes.NewReader(p.before), files[0]) == nil && bytes.Equal(out.Bytes(), p.after)
}

// patchSet is several files' patches, as package diff wants them.
type patchSet []filePatch

func (s patchSet) FilePatches() (out []diff.FilePatch) {
	for _, p := range s {
		out = append(out, p)
	}
	return out
}

func (patchSet) Message() string { return "" }

// encodePatch writes patches as 'git diff' does.
func encodePatch(all []filePatch) ([]byte, error) {
	var out bytes.Buffer
	err := diff.NewUnifiedEncoder(&out, diff.DefaultContextLines).Encode(patchSet(all))
	return out.Bytes(), err
}

func parsePatch(text []byte) ([]*gitdiff.File, error) {
	files, _, err := gitdiff.Parse(bytes.NewReader(text))
	return files, err
}

// applyPatch changes files of a folder as a patch says, those that are wanted.
func applyPatch(dir *os.Root, text []byte, wanted func(name string) bool) error {
	files, err := parsePatch(text)
	if err != nil {
		return err
	}
	for _, f := range files {
		if !wanted(f.NewName) {
			continue
		}
		if err := applyFile(dir, f); err != nil {
			return fmt.Errorf("%s: %w", f.NewName, err)
		}
	}
	return nil
}

func applyFile(dir *os.Root, f *gitdiff.File) error {
	name := filepath.FromSlash(f.NewName)
	before, err := dir.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var after bytes.Buffer
	if err := gitdiff.Apply(&after, bytes.NewReader(before), f); err != nil {
		return err
	}
	return putFile(dir, name, after.Bytes())
}

// putFile writes a file of a folder, in the place of one that is there.
func putFile(dir *os.Root, name string, data []byte) error {
	if err := dir.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	if err := dir.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) { // a link leads elsewhere
		return err
	}
	return dir.WriteFile(name, data, 0o600)
}
