package dataset

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// maxLine bounds one record: no model's context holds 16 MiB of text, so a
// longer line means that the file is something else.
const maxLine = 16 << 20 // bytes

// Open reads a JSON Lines file whole. An error in its contents is an *Error
// with the line; a file that can't be read is one too, wrapping the cause.
func Open(path string) (*Dataset, error) {
	f, err := os.Open(path)
	if err != nil {
		advice := ""
		if errors.Is(err, fs.ErrNotExist) {
			advice = "check the spelling, and the folder that the path is relative to"
		}
		return nil, &Error{Path: path, Err: cause(err), Advice: advice}
	}
	defer func() { _ = f.Close() }() // nothing was written, so nothing can be lost
	return Read(path, f)
}

// cause strips the operation and path that an os error repeats.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// Read is Open for a stream; path is only used in errors and in the result.
// Lines of nothing but white space are skipped, a byte order mark too.
func Read(path string, r io.Reader) (*Dataset, error) {
	hash := sha256.New()
	count := &counter{r: io.TeeReader(r, hash)}
	lines := &lineReader{r: bufio.NewReaderSize(count, 256<<10)}
	d := &Dataset{Path: path}
	dec := newDecoder()
	at := &place{path: path}
	for {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			break
		}
		at.line = lines.line
		if err != nil {
			return nil, at.error(err)
		}
		if lines.line == 1 {
			if err := sniff(line); err != nil {
				return nil, at.error(err)
			}
			if bom := []byte("\xef\xbb\xbf"); bytes.HasPrefix(line, bom) {
				line, at.skipped = line[len(bom):], len(bom)
			}
		}
		if len(bytes.TrimSpace(line)) > 0 {
			rec, err := dec.record(line)
			if err != nil {
				return nil, at.error(err)
			}
			rec.Index, rec.Line = len(d.Records), lines.line
			d.Records = append(d.Records, rec)
		}
		at.skipped = 0
	}
	if len(d.Records) == 0 {
		return nil, &Error{Path: path, Err: ErrEmpty, Advice: shapeAdvice}
	}
	hash.Sum(d.Digest[:0])
	d.Bytes = count.n
	return d, nil
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

// sniff recognises other things than JSON Lines by how they begin.
func sniff(line []byte) error {
	for _, s := range []struct{ prefix, what, advice string }{
		{"version https://git-lfs.github.com/spec/", "a Git LFS pointer instead of the data", "fetch the data: git lfs pull"},
		{"\x1f\x8b", "compressed with gzip", "decompress it: gunzip"},
		{"\x28\xb5\x2f\xfd", "compressed with Zstandard", "decompress it: zstd -d"},
		{"PAR1", "a Parquet file", "export it as JSON Lines"},
		{"PK\x03\x04", "a ZIP archive", "unpack it"},
		{"\xff\xfe", "UTF-16", "convert it: iconv -f UTF-16 -t UTF-8"},
		{"\xfe\xff", "UTF-16", "convert it: iconv -f UTF-16 -t UTF-8"},
		{"[", "a JSON array", "put one record on each line: jq -c '.[]'"},
	} {
		if bytes.HasPrefix(line, []byte(s.prefix)) {
			return faultf(-1, s.advice, "%w: %s", ErrNotData, s.what)
		}
	}
	return nil
}

// lineReader yields lines without their line feed. A line is valid until the next.
type lineReader struct {
	r    *bufio.Reader
	line int // number of the line last returned, from 1
	long []byte
}

func (l *lineReader) next() ([]byte, error) {
	l.long = l.long[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		switch {
		case len(l.long)+len(part) > maxLine:
			l.line++
			return nil, faultf(-1, "put one record on each line", "%w: over %d MiB", ErrLineTooLong, maxLine>>20)
		case errors.Is(err, bufio.ErrBufferFull):
			l.long = append(l.long, part...)
			continue
		case errors.Is(err, io.EOF) && len(part)+len(l.long) == 0:
			return nil, io.EOF
		case err != nil && !errors.Is(err, io.EOF):
			l.line++
			return nil, fmt.Errorf("read: %w", cause(err))
		}
		l.line++
		part = bytes.TrimSuffix(part, []byte("\n"))
		if len(l.long) > 0 {
			l.long = append(l.long, part...)
			return l.long, nil
		}
		return part, nil
	}
}

// counter counts the bytes read through it.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
