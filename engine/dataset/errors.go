package dataset

import (
	"errors"
	"fmt"
)

// What can be wrong with a file. An *Error wraps one of these and says where.
var (
	ErrEmpty        = errors.New("holds no records")
	ErrNotFile      = errors.New("not a regular file")
	ErrNotData      = errors.New("no data file")
	ErrNotJSON      = errors.New("not JSON")
	ErrNotCSV       = errors.New("not CSV")
	ErrNotParquet   = errors.New("not Parquet")
	ErrNotObject    = errors.New("record is not an object")
	ErrDuplicateKey = errors.New("duplicate key")
	ErrNumber       = errors.New("number can't be kept exactly")
	ErrEncoding     = errors.New("not valid UTF-8")
	ErrLineTooLong  = errors.New("line is too long")
	ErrMessages     = errors.New("bad messages")
	ErrNoAssistant  = errors.New("nothing to train on")
	ErrColumn       = errors.New("column can't be read")
	ErrTerm         = errors.New("no term")
	ErrTwice        = errors.New("file is named twice")
	ErrChanged      = errors.New("file has changed since it was read")
)

// What can be wrong with a split or a selection. A *RuleError wraps one of these.
var (
	ErrTooFew         = errors.New("not enough records")
	ErrUnknownField   = errors.New("no record has this field")
	ErrUnknownID      = errors.New("no record has this ID")
	ErrEmptySelection = errors.New("selects no records")
	ErrBadRule        = errors.New("impossible rule")
)

// Error is a fault in a data file.
type Error struct {
	Path   string
	Line   int // from 1; 0 if the fault is in no particular line
	Column int // in bytes, from 1; 0 if unknown
	Err    error
	Advice string
}

// Error returns "path:line:column: why".
func (e *Error) Error() string {
	switch {
	case e.Line == 0:
		return fmt.Sprintf("%s: %v", e.Path, e.Err)
	case e.Column == 0:
		return fmt.Sprintf("%s:%d: %v", e.Path, e.Line, e.Err)
	}
	return fmt.Sprintf("%s:%d:%d: %v", e.Path, e.Line, e.Column, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint returns what to do about it, or "".
func (e *Error) Hint() string { return e.Advice }

// RuleError is a split or selection that the dataset can't satisfy.
type RuleError struct {
	Place  string // path of the rule, such as "test.where" or "subset.of[1]"
	Err    error
	Advice string
}

// Error returns "place: why".
func (e *RuleError) Error() string { return fmt.Sprintf("%s: %v", e.Place, e.Err) }

// Unwrap returns the cause.
func (e *RuleError) Unwrap() error { return e.Err }

// Hint returns what to do about it, or "".
func (e *RuleError) Hint() string { return e.Advice }

// fault is a problem inside one line, before file and line are known.
type fault struct {
	at     int // byte offset in the line; -1 if unknown
	err    error
	advice string
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

func faultf(at int, advice, format string, args ...any) *fault {
	return &fault{at: at, err: fmt.Errorf(format, args...), advice: advice}
}
