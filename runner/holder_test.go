//go:build linux

package runner_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"daybook/runner"
)

// TestRunTakesOver has a process of this machine die with a run's lease: the next
// command doesn't wait until it is over. Of any other it waits.
func TestRunTakesOver(t *testing.T) {
	sleeper := exec.Command("sleep", "60")
	check(t, sleeper.Start())
	dead := runner.HolderOf(sleeper.Process.Pid)
	check(t, sleeper.Process.Kill())
	_ = sleeper.Wait() // it was killed
	alive := runner.HolderOf(os.Getpid())
	earlier := alive[:len(alive)-len("0)")] + "x)" // this one's number, before it was its
	for holder, waits := range map[string]bool{
		dead:    false,
		earlier: false,
		alive:   true,
		strings.Replace(dead, " on ", " on another-", 1): true,
		strings.Replace(dead, "pid:", "container:", 1):   true,
		runner.HolderName(dead):                          true,
		"somebody":                                       true,
	} {
		p := newPlace(t)
		plan := p.plan(t, one)
		key := trained(plan)[0]
		check(t, p.ledger.Lease(t.Context(), key, holder, time.Minute))
		heard := &progress{held: func() { check(t, p.ledger.Release(t.Context(), key, holder)) }}
		p.mustRun(t, plan, func(o *runner.RunOptions) { o.Progress = heard })
		if got := heard.has("held  " + runner.HolderName(holder)); got != waits {
			t.Errorf("held by %s: waits is %t, want %t", holder, got, waits)
		}
	}
}

func TestHolder(t *testing.T) {
	h := runner.HolderOf(os.Getpid())
	host, err := os.Hostname()
	check(t, err)
	if want := "on " + host; !strings.HasPrefix(h, "pid ") || !strings.HasSuffix(runner.HolderName(h), want) {
		t.Errorf("%s is shown as %s", h, runner.HolderName(h))
	}
}
