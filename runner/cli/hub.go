package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"daybook/engine/hub"
	"daybook/reports"
)

// hub returns a client of the model hub as the environment asks for it, which tells
// what it fetches.
func (e *env) hub() (*hub.Client, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		home = os.TempDir()
	}
	c, err := hub.FromEnv(os.Getenv, home)
	if err != nil {
		return nil, err
	}
	f := &fetching{w: e.err, now: e.now}
	if file, ok := e.err.(*os.File); ok {
		f.live = term.IsTerminal(int(file.Fd()))
	}
	c.Progress = f.tell
	return c, nil
}

const (
	smallFile = 1 << 20                // bytes; nobody waits for less
	tellEvery = 5 * time.Second        // in lines
	drawEvery = 150 * time.Millisecond // on a terminal
)

// fetching says how much of a file is there: on a terminal in one line that
// changes, elsewhere now and then in a new one.
type fetching struct {
	w    io.Writer
	now  func() time.Time
	live bool
	file string
	last time.Time
}

func (f *fetching) tell(file string, done, total int64) {
	if total < smallFile {
		return
	}
	every, from, to := tellEvery, "", "\n"
	if f.live {
		every, from, to = drawEvery, "\r", "\x1b[K"
		if done == total {
			to = "\x1b[K\n"
		}
	}
	if file == f.file && done < total && f.now().Sub(f.last) < every {
		return
	}
	f.file, f.last = file, f.now()
	_, _ = fmt.Fprintf(f.w, "%sdaybook: fetching %s: %d%% of %s%s", from, file, 100*done/total, reports.Bytes(float64(total)), to)
}
