package runner_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/ledger"
	"daybook/runner"
)

// begun brings a place to where a runner was killed just after it had begun an
// attempt at the only run, and returns the attempt's folder.
func begun(t *testing.T, p *place) (key, dir string) {
	t.Helper()
	plan := p.plan(t, one)
	key = trained(plan)[0]
	_, err := p.run(t.Context(), plan, func(o *runner.RunOptions) {
		o.Start = func() (runner.Worker, error) {
			w, err := p.worker()
			return workerFunc(func(ctx context.Context, d string) error {
				if !bytes.Contains([]byte(d), []byte(key)) {
					return w.Work(ctx, d)
				}
				dir = d
				return errors.New("killed")
			}), err
		}
	})
	check(t, err)
	return key, dir
}

// TestCatchUp has a worker finish while its runner is dead.
func TestCatchUp(t *testing.T) {
	p := newPlace(t)
	key, dir := begun(t, p)
	w, err := p.worker()
	check(t, err)
	check(t, w.Work(t.Context(), dir))
	if s := p.state(t, key); s.State != ledger.Interrupted {
		t.Fatalf("the ledger knows already: %+v", s)
	}
	check(t, runner.CatchUp(t.Context(), p.root, p.ledger))
	run, err := p.ledger.Run(t.Context(), key)
	check(t, err)
	if run.State != ledger.Finished || run.Adapter == "" || run.Steps != 14 {
		t.Fatalf("the run is %s with adapter %q after %d steps", run.State, run.Adapter, run.Steps)
	}

	// Once more changes nothing, and the run is published without training.
	check(t, runner.CatchUp(t.Context(), p.root, p.ledger))
	again, err := p.ledger.Run(t.Context(), key)
	check(t, err)
	if d := cmp.Diff(run, again); d != "" {
		t.Errorf("caught up twice: %s", d)
	}
	if outcome := p.mustRun(t, p.plan(t, one)); outcome.Finished != 0 {
		t.Errorf("outcome is %+v", outcome)
	}
	whole := newPlace(t)
	whole.mustRun(t, whole.plan(t, one))
	if !bytes.Equal(p.adapter(t), whole.adapter(t)) {
		t.Error("the adapter is another")
	}
}

// TestCatchUpTorn has a worker killed in the middle of a line.
func TestCatchUpTorn(t *testing.T) {
	p := newPlace(t)
	key, dir := begun(t, p)
	w, err := p.worker()
	check(t, err)
	check(t, w.Work(t.Context(), dir))
	path := filepath.Join(p.root.Abs(dir), runner.JournalFile)
	data, err := os.ReadFile(path)
	check(t, err)
	lines := bytes.SplitAfter(data, []byte("\n"))
	check(t, os.WriteFile(path, bytes.Join(lines[:6], nil), 0o600))
	check(t, runner.CatchUp(t.Context(), p.root, p.ledger))
	steps, err := p.ledger.Steps(t.Context(), key)
	check(t, err)
	check(t, os.WriteFile(path, append(bytes.Join(lines[:8], nil), lines[8][:20]...), 0o600))
	check(t, runner.CatchUp(t.Context(), p.root, p.ledger))
	more, err := p.ledger.Steps(t.Context(), key)
	check(t, err)
	if len(more) != len(steps)+2 {
		t.Errorf("%d steps, then %d; two lines were added", len(steps), len(more))
	}
	if s := p.state(t, key); s.State != ledger.Interrupted {
		t.Errorf("the run is %s", s.State)
	}

	// Lines that were edited are refused, with the run and the attempt.
	check(t, os.WriteFile(path, bytes.Replace(bytes.Join(lines, nil), []byte(`"loss"`), []byte(`"lost"`), 1), 0o600))
	if err := runner.CatchUp(t.Context(), p.root, p.ledger); err == nil || !bytes.Contains([]byte(err.Error()), []byte("attempt 1 of run "+key[:12])) {
		t.Errorf("an edited journal: %v", err)
	}
}
