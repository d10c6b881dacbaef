package ledger

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/mattn/go-sqlite3"
)

// Errors that callers decide by.
var (
	ErrNotFound  = errors.New("not in the ledger")
	ErrAmbiguous = errors.New("ambiguous")
	ErrTooShort  = errors.New("too short")                       // to be the start of a digest
	ErrConflict  = errors.New("the ledger holds something else") // same place, other content
	ErrGap       = errors.New("events are missing")
	ErrInvalid   = errors.New("invalid fact")
	ErrLeaseLost = errors.New("lease lost")

	ErrReadOnly  = errors.New("read-only")
	ErrDiskFull  = errors.New("disk full")
	ErrBusy      = errors.New("busy")
	ErrNotLedger = errors.New("not a ledger")
	ErrDamaged   = errors.New("damaged")
	ErrNetwork   = errors.New("on a network filesystem")
)

// VersionError says that a ledger's schema is newer than this build's.
type VersionError struct{ Ledger, Build int }

func (e *VersionError) Error() string {
	return fmt.Sprintf("its schema is version %d; this build of Daybook reads up to version %d", e.Ledger, e.Build)
}

// Hint says what to do about it.
func (e *VersionError) Hint() string {
	return "use the newer release of Daybook that wrote it"
}

// AmbiguousError lists what a short reference could mean. It matches ErrAmbiguous.
type AmbiguousError struct {
	Ref        string
	Candidates []string
}

func (e *AmbiguousError) Error() string {
	shown := e.Candidates
	more := ""
	if len(shown) > maxCandidates {
		shown, more = shown[:maxCandidates], fmt.Sprintf(" and %d more", len(e.Candidates)-maxCandidates)
	}
	return fmt.Sprintf("%s: ambiguous: it could be %s%s", e.Ref, strings.Join(shown, ", "), more)
}

// maxCandidates bounds an error message to about one line.
const maxCandidates = 5

// Is makes errors.Is(err, ErrAmbiguous) true.
func (e *AmbiguousError) Is(target error) bool { return target == ErrAmbiguous }

// Hint says what to do about it.
func (e *AmbiguousError) Hint() string { return "give more of it" }

// HeldError says that somebody else has a run's lease.
type HeldError struct {
	Run    Digest
	Holder string
	Until  time.Time
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("run %.12s: leased by %s until %s", e.Run, e.Holder, e.Until.Format(time.RFC3339))
}

// hinted is an error that tells its reader what to do about it.
type hinted struct {
	error
	hint string
}

// Hint returns advice for the user.
func (h hinted) Hint() string  { return h.hint }
func (h hinted) Unwrap() error { return h.error }

// explain wraps an error with the ledger's path and, where SQLite's result code
// tells the cause, with a sentinel and a hint.
func (l *Ledger) explain(err error) error {
	if err == nil {
		return nil
	}
	return explain(l.path, err)
}

func explain(path string, err error) error {
	advice, cause := classify(err)
	if cause != nil {
		return hinted{fmt.Errorf("ledger: %s: %w: %w", path, cause, err), advice}
	}
	return fmt.Errorf("ledger: %w", err)
}

// classify maps SQLite's result codes, https://www.sqlite.org/rescode.html, to a
// sentinel and a hint; both are empty if there is nothing to add.
func classify(err error) (advice string, cause error) {
	const (
		elsewhere    = "move the file away, or choose another folder with --root"
		fullHint     = "free some space and run the command again; nothing is lost"
		readOnlyHint = "make the folder writable, or choose another with --root"
	)
	if errors.Is(err, errForeign) {
		return elsewhere, ErrNotLedger
	}
	var s sqlite3.Error
	if !errors.As(err, &s) {
		return "", nil
	}
	// Some failures below SQLite have no code of their own.
	if no := s.SystemErrno; no == syscall.ENOSPC || no == syscall.EDQUOT {
		return fullHint, ErrDiskFull
	} else if no == syscall.EROFS {
		return readOnlyHint, ErrReadOnly
	}
	switch s.Code {
	case sqlite3.ErrFull:
		return fullHint, ErrDiskFull
	case sqlite3.ErrReadonly, sqlite3.ErrPerm, sqlite3.ErrCantOpen, sqlite3.ErrAuth:
		return readOnlyHint, ErrReadOnly
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return "another process has held the ledger for long; try again when it is done", ErrBusy
	case sqlite3.ErrNotADB:
		return elsewhere, ErrNotLedger
	case sqlite3.ErrCorrupt:
		return "restore the ledger from a backup; journals under .daybook/runs can be read in again", ErrDamaged
	case sqlite3.ErrIoErr:
		return "check the disk", ErrDamaged
	}
	return "", nil
}

// invalid reports a fact that the ledger must not keep.
func invalid(thing, format string, args ...any) error {
	return fmt.Errorf("%s: %w: %s", thing, ErrInvalid, fmt.Sprintf(format, args...))
}
