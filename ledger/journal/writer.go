package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"daybook/ledger/folder"
)

// Writer appends events to a journal. Its methods may be called by several
// goroutines.
type Writer struct {
	// Now is the clock that events are stamped with. Set it before the first Append.
	Now func() time.Time

	mu   sync.Mutex
	file *os.File
	seq  int
	prev string
	err  error // sticky: after a failed write the file may end in half a line
}

// Create starts a journal in a file that must not exist: an attempt has one
// journal, and an attempt that goes on where another left off has its own. The
// error satisfies errors.Is(err, fs.ErrExist) if the file exists.
func Create(path string) (*Writer, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if err := folder.Sync(filepath.Dir(path)); err != nil {
		return nil, errors.Join(fmt.Errorf("journal: %w", err), file.Close())
	}
	return &Writer{Now: time.Now, file: file}, nil
}

// Append writes one event in a single write, without waiting for the disk. A
// body with a value that JSON can't hold (NaN, infinity) is an error and
// writes nothing. After a failed write every later call returns the same error.
func (w *Writer) Append(body Body) error {
	encoded, err := encode(body)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	e := Event{Seq: w.seq + 1, Prev: w.prev, Time: w.Now().UTC(), Type: body.EventType(), Version: BodyVersion, Body: encoded}
	line, err := e.Line()
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if _, err := w.file.Write(append(line, '\n')); err != nil {
		w.err = fmt.Errorf("journal: %w", err)
		return w.err
	}
	w.seq, w.prev = e.Seq, digest(line)
	return nil
}

// Seq returns the sequence number of the last event, 0 if there is none.
func (w *Writer) Seq() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seq
}

// Sync waits until every event so far is on disk. Call it at evaluations and
// checkpoints, before anything relies on them.
func (w *Writer) Sync() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	if err := w.file.Sync(); err != nil {
		w.err = fmt.Errorf("journal: %w", err) // what fsync lost once, it doesn't report again
		return w.err
	}
	return nil
}

// Close syncs and closes the file. It ends no attempt: that is what Finished,
// Failed and Interrupted say.
func (w *Writer) Close() error {
	err := w.Sync()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = fmt.Errorf("journal: %w", os.ErrClosed)
	}
	return errors.Join(err, w.file.Close())
}
