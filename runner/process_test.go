package runner_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"daybook/runner"
)

// playsWorker names, in the environment, how this binary plays a worker.
const playsWorker = "DAYBOOK_TEST_WORKER"

func TestMain(m *testing.M) {
	if how := os.Getenv(playsWorker); how != "" {
		os.Exit(playWorker(how))
	}
	os.Exit(m.Run())
}

// playWorker serves orders, or fails to.
func playWorker(how string) int {
	lines := bufio.NewScanner(os.Stdin)
	reports := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var o runner.Order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return 1
		}
		report := runner.Report{Dir: o.Dir}
		switch how {
		case "panic":
			fmt.Fprint(os.Stderr, "some log\npanic: index out of range\n\ngoroutine 1 [running]:\nmain.main()\n")
			return 2
		case "leave":
			return 0
		case "babble":
			fmt.Println("Hello!")
			continue
		case "tell":
			for done := range 3 {
				if err := reports.Encode(runner.Report{Dir: o.Dir, Answered: &runner.Answered{Split: "test", Done: done, Total: 2}}); err != nil {
					return 1
				}
			}
		case "confuse":
			report.Dir = "another"
		case "complain":
			report.Error, report.Hint = "journal: no space left on device", "free some space"
		case "wait":
			for lines.Scan() { // until the end of the input, which asks to stop
				continue
			}
			report.Error = "stopped"
		}
		if err := reports.Encode(report); err != nil {
			return 1
		}
	}
	return 0
}

func startPlayed(t *testing.T, how string) *runner.Process {
	t.Helper()
	self, err := os.Executable()
	check(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), playsWorker+"="+how)
	p, err := runner.StartProcess(cmd)
	check(t, err)
	t.Cleanup(func() { _ = p.Close() }) // its error is a test's own business
	return p
}

func TestProcess(t *testing.T) {
	p := startPlayed(t, "work")
	for _, dir := range []string{"a", "b"} {
		check(t, p.Work(t.Context(), dir, nobody))
	}
	check(t, p.Close())
	check(t, p.Close())
}

// TestProcessTells passes on how far evaluations are until the attempt is over.
func TestProcessTells(t *testing.T) {
	var heard []runner.Answered
	check(t, startPlayed(t, "tell").Work(t.Context(), "a", func(a runner.Answered) { heard = append(heard, a) }))
	if len(heard) != 3 || heard[2] != (runner.Answered{Split: "test", Done: 2, Total: 2}) {
		t.Errorf("heard %v", heard)
	}
}

func TestProcessFailures(t *testing.T) {
	for how, want := range map[string]struct{ err, hint string }{
		"panic":    {"worker: exit status 2: panic: index out of range", "resumes from its last checkpoint"},
		"leave":    {"worker: it ended", "resumes from its last checkpoint"},
		"babble":   {"worker: report: invalid character", ""},
		"confuse":  {"worker: report on another, expected a", ""},
		"complain": {"journal: no space left on device", "free some space"},
	} {
		t.Run(how, func(t *testing.T) {
			err := startPlayed(t, how).Work(t.Context(), "a", nobody)
			if err == nil || !strings.HasPrefix(err.Error(), want.err) {
				t.Fatalf("error is %v, want %q", err, want.err)
			}
			if hint := runner.HintOf(err); !strings.Contains(hint, want.hint) || (hint == "") != (want.hint == "") {
				t.Errorf("hint is %q, want %q", hint, want.hint)
			}
		})
	}
}

// TestProcessStops asks a worker to stop by cancelling the context.
func TestProcessStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	err := startPlayed(t, "wait").Work(ctx, "a", nobody)
	if err == nil || err.Error() != "stopped" {
		t.Errorf("error is %v", err)
	}
}

func TestStartProcess(t *testing.T) {
	_, err := runner.StartProcess(exec.Command("/nowhere/to/be/found"))
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
}
