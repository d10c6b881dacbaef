package dataset

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Source is where records come from and under which terms.
type Source struct {
	Path   string // a file, or a pattern of package filepath for several
	Fields Fields // the zero value finds the usual ones
	// Terms are what is declared of the records, such as their license, by name.
	Terms map[string]Term
}

// Term is a statement about records: a text for all of them, or the field that
// has each one's.
type Term struct{ Text, Field string }

// inMemory is the size of files up to which all their texts are kept.
var inMemory int64 = 64 << 20 // bytes

// Open reads the records of one file or pattern; see OpenAll.
func Open(path string) (*Dataset, error) { return OpenAll([]Source{{Path: path}}) }

// OpenAll reads the records of sources, one after the other; the files of a
// pattern come in the order of their names. An error in a file's contents is an
// *Error with the line; a file that can't be read is one too, wrapping the cause.
// The caller closes the dataset.
func OpenAll(sources []Source) (_ *Dataset, err error) {
	d := &Dataset{}
	defer func() {
		if err != nil {
			_ = d.Close() // only reading
		}
	}()
	paths := map[string]bool{}
	for i := range sources {
		if err := sources[i].Fields.Check(); err != nil {
			return nil, &Error{Path: sources[i].Path, Err: err}
		}
		files, err := sources[i].files()
		if err != nil {
			return nil, err
		}
		before := len(d.Records)
		for _, path := range files {
			if paths[path] {
				return nil, &Error{Path: path, Err: ErrTwice, Advice: "name each file once; a pattern may match one that is named too"}
			}
			paths[path] = true
			if err := d.open(path, &sources[i]); err != nil {
				return nil, err
			}
		}
		if len(d.Records) == before {
			return nil, &Error{Path: sources[i].Path, Err: ErrEmpty, Advice: shapeAdvice}
		}
	}
	return d, d.finish()
}

// files returns what the path stands for.
func (s *Source) files() ([]string, error) {
	if _, err := os.Lstat(s.Path); err == nil || !strings.ContainsAny(s.Path, "*?[") {
		return []string{s.Path}, nil
	}
	files, err := filepath.Glob(s.Path)
	if err != nil {
		return nil, &Error{Path: s.Path, Err: err, Advice: "a pattern has *, ? and [a-z]"}
	}
	if len(files) == 0 {
		return nil, &Error{Path: s.Path, Err: fmt.Errorf("no file matches: %w", fs.ErrNotExist), Advice: "check the spelling, and the folder that the path is relative to"}
	}
	return files, nil
}

func (d *Dataset) open(path string, source *Source) error {
	info, err := os.Stat(path) // before opening, which waits for whoever writes a pipe
	if err == nil && !info.Mode().IsRegular() {
		return &Error{Path: path, Err: ErrNotFile, Advice: "data is read again by every run: put it into a file"}
	}
	var f *os.File
	if err == nil {
		f, err = os.Open(path)
	}
	if err != nil {
		advice := ""
		if errors.Is(err, fs.ErrNotExist) {
			advice = "check the spelling, and the folder that the path is relative to"
		}
		return &Error{Path: path, Err: cause(err), Advice: advice}
	}
	return d.read(content{path: path, r: f, size: info.Size(), file: f}, source)
}

// Read is Open for a stream; path is only used in errors and in the result.
func Read(path string, r io.Reader) (*Dataset, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, &Error{Path: path, Err: fmt.Errorf("read: %w", cause(err))}
	}
	d := &Dataset{}
	if err := d.read(content{path: path, r: bytes.NewReader(data), size: int64(len(data))}, &Source{Path: path}); err != nil {
		return nil, err
	}
	return d, d.finish()
}

// finish sums up the files, and lets go of those whose records are in memory.
func (d *Dataset) finish() error {
	if len(d.Files) == 0 {
		return &Error{Err: ErrEmpty, Advice: "name a file"}
	}
	if len(d.Records) == 0 {
		return &Error{Path: d.Files[0].Path, Err: ErrEmpty, Advice: shapeAdvice}
	}
	d.Path, d.Digest = d.Files[0].Path, d.Files[0].Digest
	if len(d.Files) > 1 {
		list := []byte("daybook files 1\n")
		for _, f := range d.Files {
			list = append(list, f.Digest[:]...)
		}
		d.Digest = sha256.Sum256(list)
	}
	if !slices.ContainsFunc(d.Files, func(f File) bool { return f.Bytes > inMemory }) && !d.leavesOut() {
		return d.Close()
	}
	return nil
}

// leavesOut reports whether some value has to be read again.
func (d *Dataset) leavesOut() bool {
	for i := range d.Records {
		if slices.ContainsFunc(d.Records[i].fields, func(f field) bool { return f.value == nil }) {
			return true
		}
	}
	return false
}

// mostTerms is how many values a term may have in a file: more are no terms.
const mostTerms = 1000

// count notes the terms of one record.
func (f *File) count(r *Record) error {
	for name, term := range f.source.Terms {
		value := term.Text
		if term.Field != "" {
			v, _ := r.Field(term.Field)
			switch v := v.(type) {
			case nil:
				value = ""
			case string:
				value = v
			default:
				return faultf(-1, "a term is a text", "%w: the field %s of the record is %s", ErrTerm, quote(term.Field), kind(v))
			}
		}
		if f.Terms[name] == nil {
			f.Terms[name] = map[string]int{}
		}
		if f.Terms[name][value]++; len(f.Terms[name]) > mostTerms {
			return faultf(-1, "name a field that says it in few words", "%w: %s has over %d values of %s", ErrTerm, quote(term.Field), mostTerms, name)
		}
	}
	return nil
}

// cause strips the operation and path that an os error repeats.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
