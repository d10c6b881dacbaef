package dataset

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxLine bounds one record: no model's context holds 16 MiB of text, so a
// longer line means that the file is something else.
const maxLine = 16 << 20 // bytes

var bom = []byte("\xef\xbb\xbf")

// jsonLines is a file with a JSON value on each line. Lines of nothing but white
// space are skipped, a byte order mark too.
type jsonLines struct {
	content
	parser *parser
}

func (t *jsonLines) each(r io.Reader, yield func(object, rowPlace) bool) error {
	lines := &lineReader{r: bufio.NewReaderSize(r, 256<<10)}
	for {
		at := rowPlace{at: lines.offset}
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		at.line = int32(lines.line)
		if err != nil {
			return t.explain(at, err)
		}
		if lines.line == 1 && bytes.HasPrefix(line, bom) {
			line, at.column = line[len(bom):], int32(len(bom))
			at.at += int64(len(bom))
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		at.size = int32(len(line))
		v, err := t.parser.record(line)
		if err != nil {
			return t.explain(at, err)
		}
		if !yield(v, at) {
			return nil
		}
	}
}

func (t *jsonLines) row(at rowPlace) (object, error) {
	line, err := t.bytes(at)
	if err != nil {
		return nil, err
	}
	return newParser().record(line)
}

// lineReader yields lines without their line feed. A line is valid until the next.
type lineReader struct {
	r      *bufio.Reader
	line   int   // number of the line last returned, from 1
	offset int64 // of what follows it
	long   []byte
}

func (l *lineReader) next() ([]byte, error) {
	l.long = l.long[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		l.offset += int64(len(part))
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
