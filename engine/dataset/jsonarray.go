package dataset

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// jsonArray is a file with one JSON array, whose elements are the rows. It is
// read an element at a time.
type jsonArray struct {
	content
	parser *parser
}

func (t *jsonArray) each(r io.Reader, yield func(object, rowPlace) bool) error {
	s := &elements{r: bufio.NewReaderSize(r, 256<<10), line: 1}
	for {
		data, at, err := s.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return t.explain(rowPlace{line: int32(s.line)}, err)
		}
		v, err := t.parser.record(data)
		if err != nil {
			return t.explain(at, err)
		}
		if !yield(v, at) {
			return nil
		}
	}
}

func (t *jsonArray) row(at rowPlace) (object, error) {
	data, err := t.bytes(at)
	if err != nil {
		return nil, err
	}
	return newParser().record(data)
}

// elements yields the elements of an array without looking into them.
type elements struct {
	r      *bufio.Reader
	offset int64
	line   int // where the reader is, from 1
	column int // bytes of the line before
	state  arrayState
	buf    []byte
}

type arrayState uint8

const (
	beforeArray arrayState = iota
	inArray                // before the first element
	afterElement
)

func (s *elements) byte() (byte, error) {
	c, err := s.r.ReadByte()
	if err != nil {
		return 0, err
	}
	s.offset++
	if s.column++; c == '\n' {
		s.line, s.column = s.line+1, 0
	}
	return c, nil
}

// solid returns the next byte that is no white space. At the end of the file it
// returns io.ErrUnexpectedEOF.
func (s *elements) solid() (byte, error) {
	for {
		c, err := s.byte()
		switch {
		case errors.Is(err, io.EOF):
			return 0, io.ErrUnexpectedEOF
		case err != nil:
			return 0, fmt.Errorf("read: %w", cause(err))
		case c != ' ' && c != '\t' && c != '\r' && c != '\n':
			return c, nil
		}
	}
}

// next returns an element, or io.EOF after the array.
func (s *elements) next() (data []byte, at rowPlace, err error) {
	c, err := s.begin()
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, at, faultf(-1, "the file may be cut off", "%w: the array never ends", ErrNotJSON)
	case err != nil:
		return nil, at, err
	}
	at = rowPlace{at: s.offset - 1, line: int32(s.line), column: int32(s.column - 1)}
	data, err = s.element(c)
	at.size = int32(len(data))
	return data, at, err
}

// begin reads up to the first byte of the next element.
func (s *elements) begin() (byte, error) {
	c, err := s.solid()
	if err != nil {
		return 0, err
	}
	switch s.state {
	case beforeArray:
		if c, err = s.skipMark(c); err != nil {
			return 0, err
		}
		if c != '[' {
			return 0, faultf(-1, "", "%w: no array", ErrNotJSON)
		}
		s.state = inArray
		return s.begin()
	case inArray:
		if c == ']' {
			return 0, s.end()
		}
		s.state = afterElement
		return c, nil
	case afterElement:
		switch c {
		case ',':
			return s.solid()
		case ']':
			return 0, s.end()
		}
	}
	return 0, faultf(-1, "", "%w: %s where ',' or ']' should be", ErrNotJSON, show(c))
}

// skipMark returns c, or what follows the byte order mark that c begins.
func (s *elements) skipMark(c byte) (byte, error) {
	if c != bom[0] {
		return c, nil
	}
	for range bom[1:] {
		if _, err := s.byte(); err != nil {
			return 0, err
		}
	}
	return s.solid()
}

// element reads on to the end of the element that c begins.
func (s *elements) element(c byte) ([]byte, error) {
	s.buf = append(s.buf[:0], c)
	depth, quoted, escaped := 0, false, false
	for {
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped, quoted = c == '\\', c != '"'
		case c == '"':
			quoted = true
		case c == '{', c == '[':
			depth++
		case c == '}', c == ']':
			depth--
		}
		if depth <= 0 && !quoted {
			next, err := s.r.Peek(1)
			if err != nil || bytes.IndexByte([]byte(",] \t\r\n"), next[0]) >= 0 || c == '}' || c == ']' || c == '"' {
				return s.buf, nil
			}
		}
		var err error
		if c, err = s.byte(); err != nil {
			return nil, faultf(-1, "the file may be cut off", "%w: the array never ends", ErrNotJSON)
		}
		if s.buf = append(s.buf, c); len(s.buf) > maxLine {
			return nil, faultf(-1, "", "%w: a record is over %d MiB", ErrLineTooLong, maxLine>>20)
		}
	}
}

// end makes sure that nothing follows the array.
func (s *elements) end() error {
	c, err := s.solid()
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return io.EOF
	case err != nil:
		return err
	}
	return faultf(-1, "", "%w: %s after the array", ErrNotJSON, show(c))
}
