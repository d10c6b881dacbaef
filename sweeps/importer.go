package sweeps

import (
	"bytes"
	_ "embed" // for the library
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-jsonnet"
)

// libraryName is the import path of the embedded library. It always means the
// embedded one; a copy beside a sweep is './daybook.libsonnet'.
const libraryName = "daybook.libsonnet"

//go:embed lib/daybook.libsonnet
var library []byte

// importer finds what Jsonnet imports, first beside the importing file, then in
// the library paths, last given first, and records every file it hands out.
type importer struct {
	dir          string   // the sweep's folder
	libraryPaths []string // -J
	found        map[string]*found
	answers      []answer      // to requests, each once
	missing      *missingError // the last import that was not found
}

type found struct {
	contents jsonnet.Contents
	source   Source
	outside  bool // its place on this machine must not be recorded
}

// missingError says where an import was looked for.
type missingError struct {
	path  string
	tried []string
}

func (e *missingError) Error() string { return fmt.Sprintf("import '%s': no such file", e.path) }

// Unwrap makes it match fs.ErrNotExist.
func (e *missingError) Unwrap() error { return fs.ErrNotExist }

// importer returns one for the sweep file at a path.
func (o Options) importer(path string) *importer {
	return newImporter(filepath.Dir(path), o.LibraryPaths)
}

func newImporter(dir string, libraryPaths []string) *importer {
	return &importer{dir: dir, libraryPaths: libraryPaths, found: map[string]*found{}}
}

// Import implements jsonnet.Importer.
func (im *importer) Import(from, path string) (jsonnet.Contents, string, error) {
	contents, foundAt, err := im.find(from, path)
	if err == nil {
		a := answer{from, path, im.below(foundAt), im.found[foundAt].source.SHA256}
		if from == "" {
			a.Path = a.At // a sweep file is where it is
		} else {
			a.From = im.below(from)
		}
		if !slices.Contains(im.answers, a) {
			im.answers = append(im.answers, a)
		}
	}
	return contents, foundAt, err
}

// answer is what an import led to. Files are relative to the sweep's folder.
type answer struct {
	From   string `json:"from"` // importing file, "" for the sweep itself
	Path   string `json:"path"` // as it is written
	At     string `json:"at"`
	SHA256 string `json:"sha256"`
}

// below returns a path relative to the sweep's folder, or as it is where it can't be.
func (im *importer) below(path string) string {
	if rel, err := filepath.Rel(im.dir, path); err == nil {
		return rel
	}
	return path
}

// again asks for what was answered once.
func (im *importer) again(a answer) error {
	from := ""
	if a.From != "" {
		from = filepath.Join(im.dir, a.From)
	} else {
		a.Path = filepath.Join(im.dir, a.Path)
	}
	_, _, err := im.Import(from, a.Path)
	return err
}

// outside reports whether an answer names a folder of this machine.
func (im *importer) outside(a answer) bool {
	return filepath.IsAbs(a.At) || filepath.IsAbs(a.Path) || filepath.IsAbs(im.dir) && !filepath.IsLocal(a.At)
}

func (im *importer) find(from, path string) (jsonnet.Contents, string, error) {
	if path == libraryName {
		f := &found{source: Source{Path: libraryName, Builtin: true}}
		return im.keep(libraryName, library, f), libraryName, nil
	}
	var tried []string
	for _, candidate := range im.candidates(from, path) {
		if f, ok := im.found[candidate]; ok {
			return f.contents, candidate, nil
		}
		data, err := os.ReadFile(candidate)
		switch {
		case err == nil:
			f := &found{source: Source{File: candidate}}
			f.source.Path, f.outside = im.recorded(from, candidate, path)
			return im.keep(candidate, data, f), candidate, nil
		case errors.Is(err, fs.ErrNotExist) || isDir(candidate):
			tried = append(tried, candidate)
		default:
			return jsonnet.Contents{}, "", fmt.Errorf("import '%s': %w", path, err)
		}
	}
	im.missing = &missingError{path: path, tried: tried}
	return jsonnet.Contents{}, "", im.missing
}

func (im *importer) keep(foundAt string, data []byte, f *found) jsonnet.Contents {
	if f, ok := im.found[foundAt]; ok {
		return f.contents
	}
	f.source.SHA256, f.source.Content = digestOf(data), data
	// Jsonnet shares the bytes it is given, and a source must not change with them.
	f.contents = jsonnet.MakeContentsRaw(bytes.Clone(data))
	im.found[foundAt] = f
	return f.contents
}

func (im *importer) candidates(from, path string) []string {
	if filepath.IsAbs(path) {
		return []string{filepath.Clean(path)}
	}
	list := []string{filepath.Join(filepath.Dir(from), path)}
	for _, lib := range slices.Backward(im.libraryPaths) {
		if at := filepath.Join(lib, path); !slices.Contains(list, at) {
			list = append(list, at)
		}
	}
	return list
}

// recorded returns the path that the ledger keeps for a file, and whether the
// file lies outside of everything that the path could be relative to.
func (im *importer) recorded(from, file, imported string) (path string, outside bool) {
	rel, err := relative(im.dir, file)
	if err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel), false
	}
	for _, lib := range im.libraryPaths {
		if in, err := relative(lib, file); err == nil && filepath.IsLocal(in) {
			return filepath.ToSlash(in), false
		}
	}
	if f := im.found[from]; err != nil || filepath.IsAbs(imported) || f != nil && f.outside {
		return filepath.Base(file), true
	}
	return filepath.ToSlash(rel), false // the ".." in it is what an import says
}

func relative(dir, file string) (string, error) {
	absDir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	absFile, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	return filepath.Rel(absDir, absFile)
}

// sources returns what was used: the sweep file first, the rest by path.
func (im *importer) sources(main string) []Source {
	var list []Source
	for at, f := range im.found {
		if at != main {
			list = append(list, f.source)
		}
	}
	slices.SortFunc(list, func(a, b Source) int {
		return strings.Compare(a.Path+"\x00"+a.SHA256, b.Path+"\x00"+b.SHA256)
	})
	if f, ok := im.found[main]; ok {
		list = slices.Insert(list, 0, f.source)
	}
	return list
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
