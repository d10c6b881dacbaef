package sweeps

import (
	"errors"
	"fmt"
	"strings"
)

// ErrInvalid is wrapped by every error that is the sweep file's fault.
var ErrInvalid = errors.New("invalid sweep")

// SpecError says what is wrong with a sweep, and where.
type SpecError struct {
	Path    string   // place in the evaluated data, such as "runs[3].spec.train.lora.rank"; "" if none
	File    string   // Jsonnet file, as given or found; "" if unknown
	Line    int      // in File, from 1; 0 if unknown or ambiguous
	Axes    []Choice // choices of the offending run, if it is a run
	Others  int      // how many other runs have the same error
	Message string
	Advice  string // what to do about it; "" if there is nothing to say
	Err     error  // cause; nil if there is none
}

// Error returns "file:line: path: message (run rank=0 data=all)".
func (e *SpecError) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d", e.Line)
		}
		b.WriteString(": ")
	}
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString(e.Message)
	switch run := choicesString(e.Axes); {
	case run != "" && e.Others > 0:
		fmt.Fprintf(&b, " (run %s and %s)", run, plural(e.Others, "other"))
	case run != "":
		fmt.Fprintf(&b, " (run %s)", run)
	}
	return b.String()
}

// Hint returns what to do about the error, or "".
func (e *SpecError) Hint() string { return e.Advice }

// Unwrap makes every SpecError match ErrInvalid, beside its cause.
func (e *SpecError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrInvalid}
	}
	return []error{ErrInvalid, e.Err}
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
