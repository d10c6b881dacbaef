package runner_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/ledger"
	"daybook/runner"
)

// begun brings a place to where a runner was killed just after it had begun an
// attempt at the only run, and returns the attempt's folder.
func begun(t *testing.T, p *place) (key, dir string) {
	t.Helper()
	key = trained(p.plan(t, one))[0]
	return key, p.begin(t, one)[key]
}

// begin has a runner killed just after it had begun attempts at a sweep's runs,
// and returns the attempts' folders by key. Baselines are measured.
func (p *place) begin(t *testing.T, text string) map[string]string {
	t.Helper()
	plan := p.plan(t, text)
	dirs := map[string]string{}
	_, err := p.run(t.Context(), plan, func(o *runner.RunOptions) {
		o.Jobs = 1
		o.Start = func() (runner.Worker, error) {
			w, err := p.worker()
			return workerFunc(func(ctx context.Context, dir string) error {
				for _, key := range trained(plan) {
					if strings.Contains(dir, key) {
						dirs[key] = dir
						return errors.New("killed")
					}
				}
				return w.Work(ctx, dir, nobody)
			}), err
		}
	})
	check(t, err)
	return dirs
}

// TestCatchUp has a worker finish while its runner is dead.
func TestCatchUp(t *testing.T) {
	p := newPlace(t)
	key, dir := begun(t, p)
	w, err := p.worker()
	check(t, err)
	check(t, w.Work(t.Context(), dir, nobody))
	if s := p.state(t, key); s.State != ledger.Resumable {
		t.Fatalf("the ledger knows already: %+v", s)
	}
	p.catchUp(t)
	run, err := p.ledger.Run(t.Context(), key)
	check(t, err)
	if run.State != ledger.Done || run.Adapter == "" || run.Steps != 14 {
		t.Fatalf("the run is %s with adapter %q after %d steps", run.State, run.Adapter, run.Steps)
	}

	// Once more changes nothing, and the run is published without training.
	p.catchUp(t)
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
	check(t, w.Work(t.Context(), dir, nobody))
	path := filepath.Join(p.root.Abs(dir), runner.JournalFile)
	data, err := os.ReadFile(path)
	check(t, err)
	lines := bytes.SplitAfter(data, []byte("\n"))
	check(t, os.WriteFile(path, bytes.Join(lines[:6], nil), 0o600))
	p.catchUp(t)
	steps, err := p.ledger.Steps(t.Context(), key)
	check(t, err)
	check(t, os.WriteFile(path, append(bytes.Join(lines[:8], nil), lines[8][:20]...), 0o600))
	p.catchUp(t)
	more, err := p.ledger.Steps(t.Context(), key)
	check(t, err)
	if len(more) != len(steps)+2 {
		t.Errorf("%d steps, then %d; two lines were added", len(steps), len(more))
	}
	if s := p.state(t, key); s.State != ledger.Resumable {
		t.Errorf("the run is %s", s.State)
	}

	// Lines that were edited are passed over, with the run and the attempt.
	check(t, os.WriteFile(path, bytes.Replace(bytes.Join(lines, nil), []byte(`"loss"`), []byte(`"lost"`), 1), 0o600))
	damaged, err := runner.CatchUp(t.Context(), p.root, p.ledger)
	check(t, err)
	if len(damaged) != 1 || !strings.Contains(damaged[0].Error(), "attempt 1 of run "+key[:12]) {
		t.Errorf("an edited journal: %v", damaged)
	}
}

// TestCatchUpDamaged has one of two journals damaged in the middle: the other is
// read, and both runs are trained.
func TestCatchUpDamaged(t *testing.T) {
	p := newPlace(t)
	keys := trained(p.plan(t, two))
	dirs := p.begin(t, two)
	for _, key := range keys {
		w, err := p.worker()
		check(t, err)
		check(t, w.Work(t.Context(), dirs[key], nobody))
	}
	path := filepath.Join(p.root.Abs(dirs[keys[0]]), runner.JournalFile)
	data, err := os.ReadFile(path)
	check(t, err)
	lines := bytes.SplitAfter(data, []byte("\n"))
	lines[5] = bytes.Replace(lines[5], []byte(`"loss":`), []byte(`"loss":1`), 1)
	check(t, os.WriteFile(path, bytes.Join(lines, nil), 0o600))

	damaged, err := runner.CatchUp(t.Context(), p.root, p.ledger)
	check(t, err)
	if len(damaged) != 1 || !strings.Contains(damaged[0].Error(), "line 7") {
		t.Errorf("damage is %v", damaged)
	}
	if s := p.state(t, keys[0]); s.State != ledger.Resumable {
		t.Errorf("the damaged run is %s", s.State)
	}
	if s := p.state(t, keys[1]); s.State != ledger.Done {
		t.Errorf("the sound run is %s", s.State)
	}
	heard := &progress{}
	outcome := p.mustRun(t, p.plan(t, two), func(o *runner.RunOptions) { o.Progress = heard })
	if outcome.Finished != 1 || outcome.Already != 2 {
		t.Errorf("outcome is %+v", outcome)
	}
	if !slices.ContainsFunc(heard.heard, func(line string) bool { return strings.HasPrefix(line, "damaged seed=0 ") }) {
		t.Errorf("heard %q", heard.heard)
	}
	p.catchUp(t) // what became of the attempt matters no more
}

// catchUp is CatchUp where nothing is damaged.
func (p *place) catchUp(t *testing.T) {
	t.Helper()
	damaged, err := runner.CatchUp(t.Context(), p.root, p.ledger)
	check(t, errors.Join(append(damaged, err)...))
}
