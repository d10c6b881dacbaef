package runner

import "errors"

// hinted is an error that tells its reader what to do about it.
type hinted struct {
	error
	hint string
}

// Hint returns advice for the user; the command line prints it on a line of its own.
func (h hinted) Hint() string  { return h.hint }
func (h hinted) Unwrap() error { return h.error }

// WithHint adds advice for the user to an error.
func WithHint(err error, advice string) error { return hinted{err, advice} }

// HintOf returns what an error says to do about it, "" if nothing.
func HintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}
