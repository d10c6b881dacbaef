package runner_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"daybook/runner"
)

// newHolder makes a holder of this process, on a system that has locks.
func newHolder(t *testing.T, root runner.Root) *runner.Holder {
	t.Helper()
	h, err := runner.NewHolder(root)
	check(t, err)
	if !strings.Contains(h.Name, "(") {
		t.Skip("files can't be locked here")
	}
	return h
}

// TestRunTakesOver has a process of this machine die with a run's lease: the next
// command doesn't wait until it is over. Of any other it waits.
func TestRunTakesOver(t *testing.T) {
	p := newPlace(t)
	h := newHolder(t, p.root)
	id := h.Name[strings.Index(h.Name, "(")+1 : len(h.Name)-1]
	folder := filepath.Join(p.root.State(), "holders")
	check(t, os.WriteFile(filepath.Join(folder, "dead"), nil, 0o600)) // what a process leaves that was killed
	dead := strings.Replace(h.Name, id, "dead", 1)
	for holder, waits := range map[string]bool{
		dead:   false,
		h.Name: true,
		strings.Replace(dead, " on ", " on another-", 1):  true,
		strings.Replace(dead, "dead", "beef", 1):          true, // it may be of another root
		strings.Replace(dead, "dead", "../../../dead", 1): true,
		runner.HolderName(dead):                           true,
		"somebody":                                        true,
	} {
		plan := p.plan(t, one, func(o *runner.PlanOptions) { o.Again = true })
		key := trained(plan)[0]
		check(t, p.ledger.Lease(t.Context(), key, holder, time.Minute))
		heard := &progress{held: func() { check(t, p.ledger.Release(t.Context(), key, holder)) }}
		p.mustRun(t, plan, func(o *runner.RunOptions) { o.Progress, o.Again = heard, true })
		if got := heard.has("held  " + runner.HolderName(holder)); got != waits {
			t.Errorf("held by %s: waits is %t, want %t", holder, got, waits)
		}
	}
	old := time.Now().Add(-time.Hour)
	check(t, os.Chtimes(filepath.Join(folder, "dead"), old, old))
	check(t, h.Close(false))
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("holders leave %v, %v", left, err)
	}
}

func TestHolderName(t *testing.T) {
	h := newHolder(t, newPlace(t).root)
	host, err := os.Hostname()
	check(t, err)
	if want := "on " + host; !strings.HasPrefix(h.Name, "pid ") || !strings.HasSuffix(runner.HolderName(h.Name), want) {
		t.Errorf("%s is shown as %s", h.Name, runner.HolderName(h.Name))
	}
	check(t, h.Close(false))
}

// TestHolderLeavesLease has a process end that could not give a lease back, as on
// a full disk: the next one needn't wait.
func TestHolderLeavesLease(t *testing.T) {
	p := newPlace(t)
	h := newHolder(t, p.root)
	plan := p.plan(t, one)
	check(t, p.ledger.Lease(t.Context(), trained(plan)[0], h.Name, time.Minute))
	check(t, h.Close(true))
	heard := &progress{held: func() { t.Error("waits for a holder that is gone") }}
	p.mustRun(t, plan, func(o *runner.RunOptions) { o.Progress = heard })
}
