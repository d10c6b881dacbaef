package cli_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// servers are those that scripts have started: a *server by the script's folder.
var servers sync.Map

// server is a process that serves, and what it says.
type server struct {
	cmd   *exec.Cmd
	said  bytes.Buffer
	ended chan struct{}
}

var servingLine = regexp.MustCompile(`serving .* on (http://[^/]*)/v1`)

// serving starts serve on a free port, waits until it serves, and sets URL.
func serving(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: serving ARGS...")
	}
	cmd := command(ts, append([]string{"daybook", "serve", "--listen", "127.0.0.1:0"}, args...))
	out, err := cmd.StderrPipe()
	ts.Check(err)
	s := &server{cmd: cmd, ended: make(chan struct{})}
	ts.Check(cmd.Start())
	lines, read := make(chan string), make(chan struct{})
	go func() {
		defer close(read)
		defer close(lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			_, _ = s.said.WriteString(scan.Text() + "\n") // never fails
			if m := servingLine.FindStringSubmatch(scan.Text()); m != nil {
				lines <- m[1]
			}
		}
	}()
	go func() {
		<-read
		_ = cmd.Wait() // served looks at how it ended
		close(s.ended)
	}()
	ts.Defer(func() {
		_ = cmd.Process.Kill() // if the script failed meanwhile
		<-s.ended
	})
	select {
	case url, ok := <-lines:
		if !ok {
			<-s.ended
			ts.Fatalf("it doesn't serve\n%s", s.said.Bytes())
		}
		ts.Setenv("URL", url)
	case <-time.After(patience):
		ts.Fatalf("it doesn't begin to serve")
	}
	servers.Store(ts.MkAbs("."), s)
}

// served ends the server with a signal, and compares its exit code. What it said is in
// the file serve.err.
func served(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: served CODE")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	started, _ := servers.Load(ts.MkAbs("."))
	s, ok := started.(*server)
	if !ok {
		ts.Fatalf("nothing serves")
	}
	ts.Check(s.cmd.Process.Signal(syscall.SIGINT))
	select {
	case <-s.ended:
	case <-time.After(patience):
		ts.Fatalf("it goes on after the signal")
	}
	ts.Check(os.WriteFile(ts.MkAbs("serve.err"), s.said.Bytes(), 0o600))
	if got := s.cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("exit code is %d, want %d\n%s", got, want, s.said.Bytes())
	}
}

// request sends a file, or nothing, to the server, and compares the status. The answer
// is in the file answer.json.
func request(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: request STATUS PATH [FILE]")
	}
	method, body := http.MethodGet, ""
	if len(args) == 3 {
		method, body = http.MethodPost, ts.ReadFile(args[2])
	}
	q, err := http.NewRequest(method, ts.Getenv("URL")+args[1], strings.NewReader(body))
	ts.Check(err)
	q.Header.Set("Content-Type", "application/json")
	if key := ts.Getenv("KEY"); key != "" {
		q.Header.Set("Authorization", "Bearer "+key)
	}
	a, err := http.DefaultClient.Do(q)
	ts.Check(err)
	data, err := io.ReadAll(a.Body)
	ts.Check(errors.Join(err, a.Body.Close()))
	ts.Check(os.WriteFile(ts.MkAbs("answer.json"), data, 0o600))
	if strconv.Itoa(a.StatusCode) != args[0] {
		ts.Fatalf("status is %d, want %s\n%s", a.StatusCode, args[0], data)
	}
}

// command is one that runs as a script's own do.
func command(ts *testscript.TestScript, args []string) *exec.Cmd {
	path := ts.Getenv("PATH")
	for _, dir := range slices.Backward(filepath.SplitList(path)) {
		if at := filepath.Join(dir, args[0]); isFile(at) {
			args[0] = at
		}
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(os.Environ(), "PATH="+path, "HOME="+ts.Getenv("HOME"), "TMPDIR="+ts.Getenv("TMPDIR"), configHome+"="+ts.Getenv(configHome), "DAYBOOK_API_KEY="+ts.Getenv("KEY"))
	return cmd
}
