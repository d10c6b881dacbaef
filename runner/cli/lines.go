package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// errInterrupt reports Ctrl-C where a line was to be typed.
var errInterrupt = errors.New("interrupted")

// lineReader reads what a person types or a script pipes; io.EOF is its end.
type lineReader interface {
	line() (string, error)
	// restore leaves the terminal as it was, where a line is still being read.
	restore()
}

// newLineReader returns a reader with line editing and history if both in and out are
// a terminal.
func newLineReader(in io.Reader, out io.Writer, prompt string) (r lineReader, interactive bool) {
	from, ok1 := in.(*os.File)
	to, ok2 := out.(*os.File)
	if ok1 && ok2 && term.IsTerminal(int(from.Fd())) && term.IsTerminal(int(to.Fd())) {
		return &typed{in: from, out: to, prompt: prompt}, true
	}
	s := bufio.NewScanner(in)
	s.Buffer(nil, maxBody)
	return &piped{s}, false
}

// piped is a line of a file or a pipe at a time.
type piped struct{ s *bufio.Scanner }

func (p *piped) line() (string, error) {
	if p.s.Scan() {
		return p.s.Text(), nil
	}
	if err := p.s.Err(); err != nil {
		return "", fmt.Errorf("standard input: %w", err)
	}
	return "", io.EOF
}

func (p *piped) restore() {}

// typed is a line of a terminal at a time. The terminal is its program's own only
// while a line is typed: in between Ctrl-C is a signal.
type typed struct {
	in, out *os.File
	prompt  string
	t       *term.Terminal
	before  *term.State
	ctrlC   bool
}

// Read and Write are the terminal's.
func (r *typed) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	if bytes.IndexByte(p[:n], 3) >= 0 {
		r.ctrlC = true
	}
	return n, err
}

func (r *typed) Write(p []byte) (int, error) { return r.out.Write(p) }

func (r *typed) line() (string, error) {
	if r.t == nil {
		r.t = term.NewTerminal(r, r.prompt)
	}
	var err error
	if r.before, err = term.MakeRaw(int(r.in.Fd())); err != nil {
		return "", fmt.Errorf("terminal: %w", err)
	}
	defer r.restore()
	if columns, rows, err := term.GetSize(int(r.out.Fd())); err == nil && columns > 0 {
		_ = r.t.SetSize(columns, rows) // it never fails
	}
	r.t.SetBracketedPasteMode(true)
	defer r.t.SetBracketedPasteMode(false)
	// What is pasted is one message with the lines that it has.
	var pasted []string
	for {
		line, err := r.t.ReadLine()
		switch {
		case errors.Is(err, term.ErrPasteIndicator):
			pasted = append(pasted, line)
			continue
		case errors.Is(err, io.EOF) && r.ctrlC:
			r.ctrlC = false
			history := r.t.History
			r.t = term.NewTerminal(r, r.prompt) // without what was typed of the line
			r.t.History = history
			_, _ = io.WriteString(r.out, "\r\n")
			return "", errInterrupt
		case err != nil:
			_, _ = io.WriteString(r.out, "\r\n")
			return "", err
		}
		return strings.Join(append(pasted, line), "\n"), nil
	}
}

func (r *typed) restore() {
	if r.before != nil {
		_ = term.Restore(int(r.in.Fd()), r.before) // nothing else could be done
		r.before = nil
	}
}
