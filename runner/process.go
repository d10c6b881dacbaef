package runner

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// stopGrace is how long a worker that was asked to stop may take to reach a
// point it can resume from: a step, an evaluation batch and a checkpoint.
const stopGrace = 60 * time.Second

// Process is a Worker in a process of its own, spoken to in JSON lines: orders
// on its standard input, reports on its standard output.
type Process struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	reports *bufio.Scanner
	stderr  tail
	close   sync.Once
	closed  error
}

// Order tells a worker to work on one attempt.
type Order struct {
	Dir string `json:"dir"` // attempt's folder, relative to the root
}

// Report tells the runner that an attempt is over, and the journal says how; or
// how far it is with what Answered says.
type Report struct {
	Dir      string    `json:"dir"`
	Answered *Answered `json:"answered,omitempty"` // the attempt goes on
	Error    string    `json:"error,omitempty"`    // what could not even be written to the journal
	Hint     string    `json:"hint,omitempty"`
}

// Answered is how far an evaluation is, or the loading of the base before it. It is
// told to who watches, and is no part of any record.
type Answered struct {
	// Loading says that this is about the base: Done of a Total of 100 percent.
	Loading bool `json:"loading,omitempty"`

	Split string `json:"split"` // "validation" or "test"
	Epoch int    `json:"epoch"` // of the adapter; 0 for a base
	Done  int    `json:"done"`  // records
	Total int    `json:"total"`
}

// StartProcess starts cmd, whose arguments make it serve orders. The process
// gets a group of its own, so that Ctrl-C on the terminal reaches it only
// through its runner.
func StartProcess(cmd *exec.Cmd) (*Process, error) {
	p := &Process{cmd: cmd}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	p.in, p.reports = in, bufio.NewScanner(out)
	cmd.Stderr = &p.stderr
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	return p, nil
}

// Work implements Worker.
func (p *Process) Work(ctx context.Context, dir string, hear func(Answered)) error {
	order, err := json.Marshal(Order{Dir: dir})
	if err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	if _, err := p.in.Write(append(order, '\n')); err != nil {
		return p.died()
	}
	stop := context.AfterFunc(ctx, func() {
		_ = p.in.Close() // the end of its input asks a worker to stop
		time.AfterFunc(stopGrace, func() { _ = p.cmd.Process.Kill() })
	})
	defer stop()
	for p.reports.Scan() {
		var r Report
		switch err := json.Unmarshal(p.reports.Bytes(), &r); {
		case err != nil:
			return fmt.Errorf("worker: report: %w", err)
		case r.Dir != dir:
			return fmt.Errorf("worker: report on %s, expected %s", r.Dir, dir)
		case r.Error != "":
			return WithHint(errors.New(r.Error), r.Hint)
		case r.Answered == nil:
			return nil
		}
		hear(*r.Answered)
	}
	return p.died()
}

// died explains a worker that is gone.
func (p *Process) died() error {
	err := p.Close()
	why := "it ended"
	if err != nil {
		why = err.Error()
	}
	if last := p.stderr.lastLine(); last != "" {
		why += ": " + last
	}
	return WithHint(fmt.Errorf("worker: %s", why), "the run resumes from its last checkpoint when the sweep is run again; 'signal: killed' is mostly the system running out of memory")
}

// Close asks the worker to end and waits for it.
func (p *Process) Close() error {
	p.close.Do(func() {
		_ = p.in.Close()
		timer := time.AfterFunc(stopGrace, func() { _ = p.cmd.Process.Kill() })
		defer timer.Stop()
		p.closed = p.cmd.Wait()
	})
	return p.closed
}

// tail keeps the end of what a process writes to its standard error.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const tailBytes = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.Write(p)
	if extra := t.buf.Len() - tailBytes; extra > 0 {
		t.buf.Next(extra)
	}
	return len(p), nil
}

// lastLine returns the line that says most: the first of a panic, else the last.
func (t *tail) lastLine() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(t.buf.String()), "\n")
	for _, l := range lines {
		if strings.HasPrefix(l, "panic:") || strings.HasPrefix(l, "fatal error:") {
			return l
		}
	}
	return lines[len(lines)-1]
}
