package runner_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"daybook/ledger"
	"daybook/runner"
	"daybook/runner/worker"
)

const two = `local d = import 'daybook.libsonnet'; d.sweep('tiny', import 'tiny.libsonnet', d.seed([0, 1]))`

// TestRunGoesOn has a worker die in the middle of a run: the other runs are
// trained by a new one, and the next call tries the failed run again.
func TestRunGoesOn(t *testing.T) {
	p := newPlace(t)
	plan := p.plan(t, two)
	dead := trained(plan)[0]
	var started atomic.Int32
	outcome, err := p.run(t.Context(), plan, func(o *runner.RunOptions) {
		o.Jobs = 1
		o.Start = func() (runner.Worker, error) {
			started.Add(1)
			w, err := p.worker()
			return workerFunc(func(ctx context.Context, dir string) error {
				if strings.Contains(dir, dead) {
					return runner.WithHint(errors.New("worker: signal: killed"), "buy memory")
				}
				return w.Work(ctx, dir, nobody)
			}), err
		}
	})
	check(t, err)
	if outcome.Finished != 2 || len(outcome.Failed) != 1 || len(outcome.Interrupted) != 0 { // a baseline and a run
		t.Fatalf("outcome is %+v", outcome)
	}
	if f := outcome.Failed[0]; f.Item.Job.Key != dead || f.Error != "worker: signal: killed" || f.Hint != "buy memory" {
		t.Errorf("failure is %q, %q", f.Error, f.Hint)
	}
	if n := started.Load(); n != 2 { // one for the baseline and a run, one after that had died
		t.Errorf("%d workers were started, want 2", n)
	}
	if s := p.state(t, dead); s.State != ledger.Resumable || s.Attempts != 1 {
		t.Errorf("the run is %+v", s)
	}
	outcome = p.mustRun(t, p.plan(t, two))
	if outcome.Finished != 1 || outcome.Already != 2 {
		t.Errorf("outcome is %+v", outcome)
	}
}

// TestRunResumes stops a run again and again; its adapter is that of an
// uninterrupted run.
func TestRunResumes(t *testing.T) {
	whole := newPlace(t)
	whole.mustRun(t, whole.plan(t, one))
	p := newPlace(t)
	plan := p.plan(t, one)
	key := trained(plan)[0]
	stops := 0
	for patience := int32(8); p.state(t, key).State != ledger.Done; patience += 2 {
		if err := p.runStopped(t, patience); err == nil {
			break
		}
		stops++
	}
	if s := p.state(t, key); stops < 5 || s.Attempts < 3 {
		t.Fatalf("stopped %d times in %d attempts, which shows little", stops, s.Attempts)
	}
	p.mustRun(t, p.plan(t, one))
	if !bytes.Equal(p.adapter(t), whole.adapter(t)) {
		t.Error("the adapter is not that of an uninterrupted run")
	}
}

// runStopped runs the sweep of a single run until a worker has looked at the
// clock so often, which it does all the time. It returns nil if the sweep was
// done before.
func (p *place) runStopped(t *testing.T, patience int32) error {
	t.Helper()
	return p.runStoppedAt(t, patience, time.Now)
}

// runStoppedAt is runStopped with another clock.
func (p *place) runStoppedAt(t *testing.T, patience int32, now func() time.Time) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var looks atomic.Int32
	_, err := p.run(ctx, p.plan(t, one), func(o *runner.RunOptions) {
		o.Start = func() (runner.Worker, error) {
			return local{&worker.Worker{Root: p.root, Name: "test", Now: func() time.Time {
				if looks.Add(1) == patience {
					cancel()
				}
				return now()
			}}}, nil
		}
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return err
}

// TestRunWaits has another process hold a run: its result is used if there will
// be one, else the run is taken over.
func TestRunWaits(t *testing.T) {
	p := newPlace(t)
	plan := p.plan(t, one)
	key := trained(plan)[0]
	check(t, p.ledger.Lease(t.Context(), key, "somebody", time.Minute))
	heard := &progress{held: func() { check(t, p.ledger.Release(t.Context(), key, "somebody")) }}
	outcome := p.mustRun(t, plan, func(o *runner.RunOptions) { o.Progress = heard })
	if !heard.has("held  somebody") {
		t.Errorf("nobody was told of the holder: %v", heard.heard)
	}
	if outcome.Finished != 2 {
		t.Errorf("outcome is %+v", outcome)
	}

	// The other process finishes it.
	q := newPlace(t)
	plan, theirs := q.plan(t, one), q.plan(t, one)
	check(t, q.ledger.Lease(t.Context(), key, "somebody", time.Minute))
	waiting := make(chan struct{})
	heard = &progress{held: sync.OnceFunc(func() { close(waiting) })}
	done := make(chan error, 1)
	go func() {
		<-waiting
		_, err := q.run(t.Context(), theirs, func(o *runner.RunOptions) { o.Holder = "somebody" })
		done <- err
	}()
	outcome = q.mustRun(t, plan, func(o *runner.RunOptions) { o.Progress = heard })
	check(t, <-done)
	if !heard.has("held  somebody") || !heard.has("end  done") || heard.has("begin ") {
		t.Errorf("heard %q", heard.heard)
	}
	if outcome.Already == 0 {
		t.Errorf("outcome is %+v", outcome)
	}
	if s := q.state(t, key); s.Attempts != 1 {
		t.Errorf("%d attempts, want 1", s.Attempts)
	}
}

// TestRunAgain trains a finished run from the beginning, and an interrupted one too.
func TestRunAgain(t *testing.T) {
	p := newPlace(t)
	p.mustRun(t, p.plan(t, one))
	before := p.adapter(t)
	key := trained(p.plan(t, one))[0]
	again := func(o *runner.RunOptions) { o.Again = true }
	outcome := p.mustRun(t, p.plan(t, one, func(o *runner.PlanOptions) { o.Again = true }), again)
	if outcome.Finished != 1 || outcome.Already != 1 { // baselines are not measured again
		t.Errorf("outcome is %+v", outcome)
	}
	if s := p.state(t, key); s.Attempts != 2 {
		t.Errorf("%d attempts, want 2", s.Attempts)
	}
	if !bytes.Equal(p.adapter(t), before) {
		t.Error("the adapter is another")
	}
	job, err := runner.ReadJob(p.root.Abs(p.root.Attempt(key, 2)))
	check(t, err)
	if job.Resume != nil {
		t.Error("the second attempt goes on from the first")
	}
}

// TestRunWithoutCheckpoint has somebody make room on the disk: a run whose
// checkpoint is gone begins again.
func TestRunWithoutCheckpoint(t *testing.T) {
	p := newPlace(t)
	key := trained(p.plan(t, one))[0]
	for p.state(t, key).Checkpoint == "" {
		if p.runStopped(t, 20) == nil {
			t.Fatal("the run ended before it could be stopped")
		}
	}
	check(t, os.RemoveAll(filepath.Dir(p.root.Abs(p.state(t, key).Checkpoint))))
	p.mustRun(t, p.plan(t, one))
	whole := newPlace(t)
	whole.mustRun(t, whole.plan(t, one))
	if !bytes.Equal(p.adapter(t), whole.adapter(t)) {
		t.Error("the adapter is another")
	}
}

// TestSecondsOfResumed makes the attempt that is interrupted a slow one.
func TestSecondsOfResumed(t *testing.T) {
	p := newPlace(t)
	key := trained(p.plan(t, one))[0]
	var hours atomic.Int32
	slow := func() time.Time { return time.Now().Add(time.Duration(hours.Add(1)) * time.Hour) }
	for p.state(t, key).Checkpoint == "" {
		if p.runStoppedAt(t, 20, slow) == nil {
			t.Fatal("the run ended before it could be stopped")
		}
	}
	p.mustRun(t, p.plan(t, one))
	run, err := p.ledger.Run(t.Context(), key)
	check(t, err)
	if last := run.Attempts[len(run.Attempts)-1]; last.ResumedStep == 0 || run.Seconds < 3600 {
		t.Errorf("%.1f s from step %d on; the attempt before took hours", run.Seconds, last.ResumedStep)
	}
}

// TestAnswered tells who watches how far every evaluation is, from nothing to the end.
func TestAnswered(t *testing.T) {
	p := newPlace(t)
	heard := &progress{}
	p.mustRun(t, p.plan(t, one), func(o *runner.RunOptions) { o.Progress = heard })
	for _, want := range []string{
		"zero_shot epoch 0 validation 0/6", "zero_shot epoch 0 test 8/8", " epoch 1 validation 0/6", " epoch 2 validation 6/6", " test 8/8",
	} {
		if !slices.ContainsFunc(heard.heard, func(line string) bool { return strings.HasPrefix(line, "answered ") && strings.HasSuffix(line, want) }) {
			t.Errorf("nobody was told %q", want)
		}
	}
}
