package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// table is a file as rows.
type table interface {
	// each calls yield with the rows in order until it returns false. r has the
	// file's bytes; what each leaves unread is not needed. An error is an *Error.
	each(r io.Reader, yield func(object, rowPlace) bool) error
	// explain returns the *Error for a fault in a row.
	explain(at rowPlace, err error) error
	// row reads one row again.
	row(at rowPlace) (object, error)
	close() error
}

// rowPlace is where a row lies: a range of bytes, or in Parquet a number of a row.
type rowPlace struct {
	at     int64
	size   int32
	line   int32 // from 1
	column int32 // bytes of the line that come before
}

// content is a file of some format.
type content struct {
	path string
	r    io.ReaderAt
	size int64
	file *os.File // nil where r is memory
}

func (c *content) close() error {
	if c.file == nil {
		return nil
	}
	return c.file.Close()
}

// bytes returns the bytes of a row.
func (c *content) bytes(at rowPlace) ([]byte, error) {
	data := make([]byte, at.size)
	if n, err := c.r.ReadAt(data, at.at); n < len(data) {
		return nil, fmt.Errorf("%w: %w", ErrChanged, cause(err))
	}
	return data, nil
}

// explain says where in the line a fault is, for rows that are JSON.
func (c *content) explain(at rowPlace, err error) error {
	p := &place{path: c.path, line: int(at.line), skipped: int(at.column)}
	var f *fault
	if !errors.As(err, &f) || f.at < 0 {
		return p.error(err)
	}
	data, _ := c.bytes(at) // what can't be read has no line breaks
	before := data[:min(f.at, len(data))]
	if n := bytes.Count(before, []byte("\n")); n > 0 { // an element of an array
		p.line += n
		p.skipped = -bytes.LastIndexByte(before, '\n') - 1
	}
	return p.error(err)
}

// table tells the format by how the file begins, and CSV by its name.
func (c content) table() (table, error) {
	head := make([]byte, min(c.size, 64<<10))
	if n, err := c.r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, &Error{Path: c.path, Err: fmt.Errorf("read: %w", cause(err))}
	} else if head = head[:n]; n == 0 {
		return &jsonLines{c, newParser()}, nil
	}
	if err := sniff(head); err != nil {
		return nil, (&place{path: c.path, line: 1}).error(err)
	}
	if bytes.HasPrefix(head, []byte(parquetMagic)) {
		return newParquet(c)
	}
	begin := bytes.TrimLeft(bytes.TrimPrefix(head, bom), " \t\r\n")
	isJSON := len(begin) > 0 && (begin[0] == '{' || begin[0] == '[')
	switch strings.ToLower(filepath.Ext(c.path)) {
	case ".parquet":
		if !isJSON {
			return nil, &Error{Path: c.path, Err: fmt.Errorf("%w: it does not begin with %s", ErrNotParquet, parquetMagic), Advice: "the file may be damaged or cut off, or have the wrong name"}
		}
	case ".csv":
		return &csvTable{content: c, comma: ','}, nil
	case ".tsv":
		return &csvTable{content: c, comma: '\t'}, nil
	}
	if isJSON && begin[0] == '[' {
		return &jsonArray{c, newParser()}, nil
	}
	return &jsonLines{c, newParser()}, nil
}

// place says where the reader is.
type place struct {
	path    string
	line    int
	skipped int // bytes at the start of the line that the decoder didn't see
}

func (p *place) error(err error) error {
	e := &Error{Path: p.path, Line: p.line, Err: err}
	var f *fault
	if errors.As(err, &f) {
		e.Err, e.Advice = f.err, f.advice
		if f.at >= 0 {
			e.Column = f.at + p.skipped + 1
		}
	} else {
		e.Err = cause(err)
	}
	return e
}

// sniff recognises what is no data file by how it begins.
func sniff(line []byte) error {
	for _, s := range []struct{ prefix, what, advice string }{
		{"version https://git-lfs.github.com/spec/", "a Git LFS pointer instead of the data", "fetch the data: git lfs pull"},
		{"\x1f\x8b", "compressed with gzip", "decompress it: gunzip"},
		{"\x28\xb5\x2f\xfd", "compressed with Zstandard", "decompress it: zstd -d"},
		{"PK\x03\x04", "a ZIP archive", "unpack it"},
		{"\xff\xfe", "UTF-16", "convert it: iconv -f UTF-16 -t UTF-8"},
		{"\xfe\xff", "UTF-16", "convert it: iconv -f UTF-16 -t UTF-8"},
	} {
		if bytes.HasPrefix(line, []byte(s.prefix)) {
			return faultf(-1, s.advice, "%w: %s", ErrNotData, s.what)
		}
	}
	return nil
}
