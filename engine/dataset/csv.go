package dataset

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// csvTable is a file of comma- or tab-separated values (RFC 4180) whose first row
// names the columns. A cell is a string, an empty one null.
type csvTable struct {
	content
	comma  rune
	header object // keys in canonical order; at is the number of the column
}

func (t *csvTable) reader(r io.Reader) *csv.Reader {
	c := csv.NewReader(r)
	c.Comma, c.ReuseRecord = t.comma, true
	return c
}

func (t *csvTable) each(r io.Reader, yield func(object, rowPlace) bool) error {
	c := t.reader(r)
	names, err := c.Read()
	if err != nil {
		return t.error(err)
	}
	if err := t.setHeader(names); err != nil {
		return (&place{path: t.path, line: 1}).error(err)
	}
	for {
		start := c.InputOffset()
		cells, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return t.error(err)
		}
		line, _ := c.FieldPos(0)
		at := rowPlace{at: start, size: int32(c.InputOffset() - start), line: int32(line)}
		v, err := t.object(cells)
		if err != nil {
			return t.explain(at, err)
		}
		if !yield(v, at) {
			return nil
		}
	}
}

func (t *csvTable) explain(at rowPlace, err error) error {
	if e := t.otherDelimiter(); e != nil && errors.Is(err, ErrMessages) {
		return e
	}
	return (&place{path: t.path, line: int(at.line)}).error(noColumn(err))
}

// otherDelimiter returns an error if the header is one column for want of the right
// delimiter, else nil. It explains a file that can't be used, and refuses none.
func (t *csvTable) otherDelimiter() error {
	if len(t.header) != 1 {
		return nil
	}
	for _, d := range []rune{';', '\t', ',', '|'} {
		if d != t.comma && strings.ContainsRune(t.header[0].key, d) {
			return &Error{Path: t.path, Line: 1, Err: fmt.Errorf("%w: its columns are separated by %q, not by %q", ErrNotCSV, d, t.comma), Advice: "write a .csv file with commas, or a .tsv file with tabs"}
		}
	}
	return nil
}

// noColumn takes out of a fault its place in a line of JSON, which this is not.
func noColumn(err error) error {
	if f := (*fault)(nil); errors.As(err, &f) {
		return &fault{at: -1, err: f.err, advice: f.advice}
	}
	return err
}

func (t *csvTable) row(at rowPlace) (object, error) {
	data, err := t.bytes(at)
	if err != nil {
		return nil, err
	}
	cells, err := t.reader(bytes.NewReader(data)).Read()
	if err != nil || len(cells) != len(t.header) {
		return nil, faultf(-1, "leave the files alone while they are used", "%w", ErrChanged)
	}
	return t.object(cells)
}

func (t *csvTable) setHeader(names []string) error {
	for i, name := range names {
		if i == 0 {
			name = strings.TrimPrefix(name, string(bom))
		}
		if !utf8.ValidString(name) {
			return faultf(-1, "convert the file to UTF-8, for example with iconv", "%w", ErrEncoding)
		}
		t.header = append(t.header, member{key: strings.Clone(name), at: i})
	}
	if err := t.header.sort(); err != nil {
		return noColumn(err)
	}
	return nil
}

func (t *csvTable) object(cells []string) (object, error) {
	v := slices.Clone(t.header)
	for i := range v {
		cell := cells[v[i].at]
		v[i].at = -1
		if !utf8.ValidString(cell) {
			return nil, faultf(-1, "convert the file to UTF-8, for example with iconv", "%w in column %s", ErrEncoding, quote(v[i].key))
		}
		if cell != "" {
			v[i].value = cell
		}
	}
	return v, nil
}

func (t *csvTable) error(err error) error {
	if other := t.otherDelimiter(); other != nil && errors.Is(err, csv.ErrFieldCount) {
		return other
	}
	e := &Error{Path: t.path, Err: fmt.Errorf("read: %w", cause(err))}
	var p *csv.ParseError
	switch {
	case errors.As(err, &p):
		e.Line, e.Column, e.Err = p.Line, p.Column, fmt.Errorf("%w: %w", ErrNotCSV, p.Err)
		e.Advice = "every row has as many cells as the first, and a cell with quotes or line breaks is quoted"
	case errors.Is(err, io.EOF):
		e.Err, e.Advice = ErrEmpty, "the first row names the columns"
	}
	return e
}
