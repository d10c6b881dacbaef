package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

const (
	readSize = 64 << 10  // bytes a read; several hundred steps
	maxLine  = 256 << 20 // bytes; an evaluation of a million records on ten metrics
)

// Reader follows a journal that may still be growing.
type Reader struct {
	file   readable
	path   string
	offset int64  // of the first byte not yet read
	buf    []byte // buf[start:] is read, not yet returned, and starts at a line
	start  int
	seen   int    // bytes from start that hold no newline
	seq    int    // of the last event returned
	prev   string // its digest
	err    error  // sticky
}

// readable is what a Reader needs of a file.
type readable interface {
	fs.File
	io.ReaderAt
}

// Open opens a journal for reading from its start. The error satisfies
// errors.Is(err, fs.ErrNotExist) if no worker has created it yet.
func Open(path string) (*Reader, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return &Reader{file: file, path: path}, nil
}

// Next returns the next event. It returns io.EOF while there is no further
// complete line; more may come, so call it again later. An incomplete last line
// is such an end too: its writer is at it, or was stopped in the middle of it
// (Torn tells that one is there). Any other error is final; it wraps ErrChain
// if the line doesn't follow from the one before.
func (r *Reader) Next() (Event, error) {
	if r.err != nil {
		return Event{}, r.err
	}
	line, err := r.line()
	if errors.Is(err, io.EOF) {
		return Event{}, io.EOF
	}
	if err != nil {
		return r.stop(err)
	}
	e, err := parse(line)
	if err != nil {
		return r.stop(err)
	}
	if e.Seq != r.seq+1 || e.Prev != r.prev {
		return r.stop(fmt.Errorf("event %d: %w: it follows event %d with digest %.12s, not %.12s", e.Seq, ErrChain, r.seq, r.prev, e.Prev))
	}
	r.seq, r.prev = e.Seq, digest(line)
	return e, nil
}

func (r *Reader) stop(err error) (Event, error) {
	r.err = fmt.Errorf("journal: %s: line %d: %w", r.path, r.seq+1, err)
	return Event{}, r.err
}

// line returns the next complete line without its newline; it is good until the
// next call.
func (r *Reader) line() ([]byte, error) {
	for {
		rest := r.buf[r.start:]
		if i := bytes.IndexByte(rest[r.seen:], '\n'); i >= 0 {
			line := rest[:r.seen+i]
			r.start, r.seen = r.start+len(line)+1, 0
			return line, nil
		}
		if r.seen = len(rest); r.seen > maxLine {
			return nil, fmt.Errorf("longer than %d bytes", maxLine)
		}
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
}

// fill reads more of the file.
func (r *Reader) fill() error {
	rest := len(r.buf) - r.start
	if grown := max(2*rest, readSize); cap(r.buf) < grown {
		r.buf = append(make([]byte, 0, grown), r.buf[r.start:]...)
	} else {
		r.buf = r.buf[:copy(r.buf, r.buf[r.start:])]
	}
	r.start = 0
	n, err := r.file.ReadAt(r.buf[rest:cap(r.buf)], r.offset)
	if n > 0 {
		r.buf, r.offset = r.buf[:rest+n], r.offset+int64(n)
		return nil
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() < r.offset {
		return fmt.Errorf("%w: the file shrank from %d to %d bytes", ErrChain, r.offset, info.Size())
	}
	return io.EOF
}

// Seq returns the sequence number of the last event returned, 0 if none was.
func (r *Reader) Seq() int { return r.seq }

// Torn reports whether the last call of Next ended at an incomplete line. Once
// no worker writes any more, that line is lost: what it would have said is not
// known to have happened.
func (r *Reader) Torn() bool { return len(r.buf) > r.start }

// Close closes the file.
func (r *Reader) Close() error { return r.file.Close() }
