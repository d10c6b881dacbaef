package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
)

// Snapshot is a model in the cache.
type Snapshot struct {
	Ref        // Revision is the commit
	Dir string // folder of its files
}

// Files that a base is made of, beside its weights: all of them are fetched where
// the model has them. Weights come last, so that a folder with weights is whole.
const (
	configFile  = "config.json"
	weightsFile = "model.safetensors"
	indexFile   = "model.safetensors.index.json"
)

var wanted = []string{
	configFile, "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja", "README.md",
}

// Model returns the model in the cache, after fetching what is missing. Of a
// commit that is there whole nobody is asked; a branch or a tag is looked up, as it
// may have moved, unless the client is offline. Errors are *Error and wrap
// ErrOffline, ErrNotFound, ErrAccess, ErrDigest or ErrWeights where that is the reason.
func (c *Client) Model(ctx context.Context, ref Ref) (Snapshot, error) {
	r := &repository{c: c, ref: ref, dir: filepath.Join(c.Cache, "models--"+strings.ReplaceAll(ref.Repo, "/", "--"))}
	commit := ref.Revision
	if !ref.Pinned() && c.Offline {
		text, err := os.ReadFile(filepath.Join(r.dir, "refs", filepath.FromSlash(ref.Revision)))
		if commit = strings.TrimSpace(string(text)); err != nil || !commitPattern.MatchString(commit) {
			return Snapshot{}, advise(ref, "", ErrOffline)
		}
	}
	if commitPattern.MatchString(commit) {
		if missing := r.missing(commit); missing == "" {
			return r.snapshot(commit), nil
		} else if c.Offline {
			return Snapshot{}, advise(ref, missing, ErrOffline)
		}
	}
	commit, err := r.fetch(ctx)
	if err != nil {
		return Snapshot{}, advise(ref, "", err)
	}
	return r.snapshot(commit), nil
}

// repository is one model of the Hub and its folder in the cache.
type repository struct {
	c   *Client
	ref Ref
	dir string
}

func (r *repository) snapshot(commit string) Snapshot {
	return Snapshot{Ref: Ref{Repo: r.ref.Repo, Revision: commit}, Dir: filepath.Join(r.dir, "snapshots", commit)}
}

func (r *repository) file(commit, name string) string {
	return filepath.Join(r.dir, "snapshots", commit, name)
}

func (r *repository) absent(commit, name string) string {
	return filepath.Join(r.dir, ".no_exist", commit, name)
}

func exists(path string) bool {
	_, err := os.Stat(path) // of a link, what it leads to
	return err == nil
}

// missing names the first file that a base at commit needs and the cache lacks.
// While the Hub may not be asked, what nobody has fetched counts as not there,
// where a base can be without it.
func (r *repository) missing(commit string) string {
	for _, name := range wanted {
		if exists(r.file(commit, name)) || exists(r.absent(commit, name)) || r.c.Offline && name != configFile {
			continue
		}
		return name
	}
	if exists(r.file(commit, weightsFile)) {
		return ""
	}
	shards, err := r.shards(commit)
	if err != nil {
		return weightsFile
	}
	for _, name := range shards {
		if !exists(r.file(commit, name)) {
			return name
		}
	}
	return ""
}

// maxIndex is the most bytes that the index of shards may have.
const maxIndex = 64 << 20

// shards returns the files that the index at commit names, sorted.
func (r *repository) shards(commit string) ([]string, error) {
	path := r.file(commit, indexFile)
	if fi, err := os.Stat(path); err != nil || fi.Size() > maxIndex {
		return nil, errors.Join(err, fs.ErrInvalid)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, fmt.Errorf("%s: %w", indexFile, err)
	}
	var names []string
	for _, name := range index.WeightMap {
		if name != filepath.Base(name) || !strings.HasSuffix(name, ".safetensors") || strings.HasPrefix(name, ".") {
			return nil, fmt.Errorf("%s: %q is not a .safetensors file of the folder", indexFile, name)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) == 0 {
		return nil, fmt.Errorf("%s: names no files", indexFile)
	}
	return names, nil
}

// fetch asks the Hub for the commit that the reference stands for and fetches what
// is missing of it.
func (r *repository) fetch(ctx context.Context) (commit string, err error) {
	l, err := r.c.list(ctx, r.ref)
	if err != nil {
		return "", err
	}
	commit = l.Commit
	for _, name := range wanted {
		switch {
		case l.has(name):
			err = r.get(ctx, commit, name)
		default:
			err = note(r.absent(commit, name), "")
		}
		if err != nil {
			return "", advise(r.ref, name, err)
		}
	}
	weights := []string{weightsFile}
	switch {
	case l.has(weightsFile):
	case l.has(indexFile):
		if err := r.get(ctx, commit, indexFile); err != nil {
			return "", advise(r.ref, indexFile, err)
		}
		if weights, err = r.shards(commit); err != nil {
			return "", err
		}
	default:
		return "", ErrWeights
	}
	for _, name := range weights {
		if err := r.get(ctx, commit, name); err != nil {
			return "", advise(r.ref, name, err)
		}
	}
	if r.ref.Pinned() {
		return commit, nil
	}
	return commit, note(filepath.Join(r.dir, "refs", filepath.FromSlash(r.ref.Revision)), commit)
}

// get makes sure that a file of the commit is in the cache.
func (r *repository) get(ctx context.Context, commit, name string) error {
	if exists(r.file(commit, name)) {
		return nil
	}
	address := r.c.Endpoint + "/" + r.ref.Repo + "/resolve/" + commit + "/" + url.PathEscape(name)
	b, err := r.c.head(ctx, address)
	if err != nil {
		return err
	}
	lock := filepath.Join(r.c.Cache, ".locks", filepath.Base(r.dir), b.etag+".lock")
	if err := r.c.fetch(ctx, address, b, filepath.Join(r.dir, "blobs", b.etag), lock, name); err != nil {
		return err
	}
	link := r.file(commit, name)
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return err
	}
	return renameio.Symlink(filepath.Join("..", "..", "blobs", b.etag), link)
}

// note writes a small file of the cache.
func note(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return renameio.WriteFile(path, []byte(text), 0o644)
}
