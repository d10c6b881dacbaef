package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"daybook/engine"
	"daybook/engine/checkpoint"
	"daybook/ledger/journal"
	"daybook/runner"
	"daybook/runner/runnertest"
)

// planned writes a base, notes and the jobs of a sweep of one run, and returns
// the root with the folders of the baseline's and the run's attempts.
func planned(t *testing.T, patch string) (root runner.Root, baseline, run string) {
	t.Helper()
	dir := t.TempDir()
	check(t, runnertest.Write(dir))
	path := filepath.Join(dir, "sweep.jsonnet")
	check(t, os.WriteFile(path, []byte(`(import 'daybook.libsonnet').sweep('tiny', (import 'tiny.libsonnet') + `+patch+`)`), 0o600))
	root, plan := planSweep(t, path)
	var dirs []string
	for _, item := range plan.Items {
		dirs = append(dirs, root.Attempt(item.Job.Key, 1))
		item.Job.Attempt, item.Job.Threads = 1, 1
		check(t, item.Job.Write(root.Abs(dirs[len(dirs)-1])))
	}
	if len(dirs) != 2 {
		t.Fatalf("%d jobs, want a baseline and a run", len(dirs))
	}
	return root, dirs[0], dirs[1]
}

// events returns what an attempt's journal says.
func events(t *testing.T, root runner.Root, dir string) []journal.Body {
	t.Helper()
	r, err := journal.Open(filepath.Join(root.Abs(dir), runner.JournalFile))
	check(t, err)
	defer func() { check(t, r.Close()) }()
	var out []journal.Body
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		check(t, err)
		body, err := journal.Decode(e)
		check(t, err)
		out = append(out, body)
	}
}

// last returns how an attempt ended.
func last(t *testing.T, root runner.Root, dir string) journal.Body {
	t.Helper()
	all := events(t, root, dir)
	if len(all) == 0 {
		t.Fatal("the journal is empty")
	}
	return all[len(all)-1]
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newWorker(root runner.Root) *Worker {
	return &Worker{Root: root, Name: "test", Now: time.Now}
}

// TestServe speaks the protocol: orders in, reports out, until the input ends. An
// attempt that evaluates tells meanwhile how far it is.
func TestServe(t *testing.T) {
	root, baseline, run := planned(t, "{}")
	in, orders := io.Pipe()
	reports, out := io.Pipe()
	served := make(chan error, 1)
	go func() {
		served <- errors.Join(newWorker(root).Serve(context.Background(), in, out), out.Close())
	}()
	decoder := json.NewDecoder(reports)
	for _, dir := range []string{baseline, run, "nowhere"} {
		check(t, json.NewEncoder(orders).Encode(runner.Order{Dir: dir}))
		var r runner.Report
		told := map[runner.Answered]bool{}
		for {
			r = runner.Report{}
			check(t, decoder.Decode(&r))
			if r.Answered == nil {
				break
			}
			told[*r.Answered] = true
		}
		if epoch := map[string]int{baseline: 0, run: 1}[dir]; dir != "nowhere" && (!told[runner.Answered{Split: "validation", Epoch: epoch, Total: 6}] ||
			!told[runner.Answered{Split: "validation", Epoch: epoch, Done: 6, Total: 6}]) {
			t.Errorf("%s told of %v", dir, told)
		}
		if r.Dir != dir || (r.Error != "") != (dir == "nowhere") {
			t.Errorf("report is %+v", r)
		}
	}
	check(t, orders.Close())
	check(t, <-served)
	for _, dir := range []string{baseline, run} {
		if f, ok := last(t, root, dir).(journal.Finished); !ok {
			t.Errorf("%s ended as %+v", dir, last(t, root, dir))
		} else if (dir == run) != (f.Adapter != "") {
			t.Errorf("%s has the adapter %q", dir, f.Adapter)
		}
	}

	bad := newWorker(root).Serve(t.Context(), strings.NewReader("now!\n"), io.Discard)
	if bad == nil || !strings.HasPrefix(bad.Error(), "worker: order: ") {
		t.Errorf("an order that is none: %v", bad)
	}
}

// TestServeStops ends the input in the middle of a run, as a runner's death does.
func TestServeStops(t *testing.T) {
	root, _, run := planned(t, "{ train+: { epochs: 200 } }")
	in, orders := io.Pipe()
	served := make(chan error, 1)
	go func() { served <- newWorker(root).Serve(context.Background(), in, io.Discard) }()
	check(t, json.NewEncoder(orders).Encode(runner.Order{Dir: run}))
	for !stepped(root, run) {
		time.Sleep(time.Millisecond)
	}
	check(t, orders.Close())
	check(t, <-served)
	end, ok := last(t, root, run).(journal.Interrupted)
	if !ok || end.Step == 0 {
		t.Fatalf("ended as %+v", last(t, root, run))
	}
	var saved int
	for _, e := range events(t, root, run) {
		if c, ok := e.(journal.Checkpoint); ok {
			saved = c.Step
		}
	}
	if saved != end.Step {
		t.Errorf("stopped after step %d with a checkpoint of step %d", end.Step, saved)
	}
}

// stepped reports whether an attempt has journaled a step.
func stepped(root runner.Root, dir string) bool {
	data, err := os.ReadFile(filepath.Join(root.Abs(dir), runner.JournalFile))
	return err == nil && strings.Contains(string(data), `"type":"step"`)
}

// TestWorkRefuses changes what a job reads after it was planned.
func TestWorkRefuses(t *testing.T) {
	for name, c := range map[string]struct{ file, old, text, err string }{
		"data":      {"notes.jsonl", "48: ", "48; ", "inputs changed since the run was planned: dataset ("},
		"template":  {"base/tokenizer_config.json", "message['role']", "message.role", "inputs changed since the run was planned: chat template ("},
		"tokenizer": {"base/tokenizer.json", `"version": "1.0"`, `"version": "1.1"`, "inputs changed since the run was planned: tokenizer ("},
		"weights":   {"base/config.json", "0.00001", "0.00002", "inputs changed since the run was planned: base weights ("},
	} {
		t.Run(name, func(t *testing.T) {
			root, _, run := planned(t, "{}")
			path := root.Abs(c.file)
			data, err := os.ReadFile(path)
			check(t, err)
			if !strings.Contains(string(data), c.old) {
				t.Fatalf("%s has no %q", c.file, c.old)
			}
			check(t, os.WriteFile(path, []byte(strings.Replace(string(data), c.old, c.text, 1)), 0o600))
			check(t, newWorker(root).Work(t.Context(), run, nobody))
			f, ok := last(t, root, run).(journal.Failed)
			if !ok || !strings.HasPrefix(f.Error, c.err) || f.Hint == "" {
				t.Errorf("ended as %+v", last(t, root, run))
			}
		})
	}
}

// TestFailureIsImpersonal looks for folders in what a journal says of a failure.
func TestFailureIsImpersonal(t *testing.T) {
	root, _, run := planned(t, "{}")
	check(t, os.Remove(root.Abs("base/config.json")))
	w := newWorker(root)
	check(t, w.Work(t.Context(), run, nobody))
	f, ok := last(t, root, run).(journal.Failed)
	if !ok || f.Error != "base: checkpoint: open base/config.json: no such file or directory" {
		t.Errorf("ended as %+v", last(t, root, run))
	}
	w.Home = filepath.Join(string(filepath.Separator), "home", "somebody")
	if got, want := w.impersonal("open "+filepath.Join(w.Home, "model", "x")+": no"), "open "+filepath.Join("~", "model", "x")+": no"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	a := &attempt{worker: w, job: &runner.Job{Base: "../elsewhere/base"}}
	if got, want := a.impersonal("open "+filepath.Join(root.Abs(a.job.Base), "x")+": no"), "open "+filepath.Join("base", "x")+": no"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestWorkOnce refuses to write over an attempt that was made.
func TestWorkOnce(t *testing.T) {
	root, baseline, _ := planned(t, "{}")
	w := newWorker(root)
	check(t, w.Work(t.Context(), baseline, nobody))
	before := events(t, root, baseline)
	if err := w.Work(t.Context(), baseline, nobody); !errors.Is(err, os.ErrExist) {
		t.Errorf("error is %v", err)
	}
	if len(events(t, root, baseline)) != len(before) {
		t.Error("the journal was changed")
	}
}

// lost is a backend whose device fails when it is asked for the attention of so
// many layers.
type lost struct {
	engine.Backend
	after int
}

func (l *lost) Attention(in engine.DeviceBatch, act *engine.Activations) error {
	if l.after--; l.after < 0 {
		return fmt.Errorf("attention: device 0: %w", engine.ErrDeviceLost)
	}
	return l.Backend.Attention(in, act)
}

// TestDeviceLost has a device fail in the middle of a run: the journal says so, and
// the worker that it is of no more use.
func TestDeviceLost(t *testing.T) {
	root, baseline, run := planned(t, "{}")
	w := newWorker(root)
	check(t, w.Work(t.Context(), baseline, nobody))
	w.loaded.backend = &lost{w.loaded.backend, 5}
	if err := w.Work(t.Context(), run, nobody); !errors.Is(err, engine.ErrDeviceLost) {
		t.Errorf("error is %v", err)
	}
	end, ok := last(t, root, run).(journal.Failed)
	if !ok || end.Step == 0 || !strings.Contains(end.Error, "device 0: the device failed") {
		t.Errorf("ended as %+v", last(t, root, run))
	}
}

// TestRecordsThatAreNot gives a worker a job whose records its dataset lacks.
func TestRecordsThatAreNot(t *testing.T) {
	root, baseline, _ := planned(t, "{}")
	job, err := runner.ReadJob(root.Abs(baseline))
	check(t, err)
	job.Judged[0].Records[0] = 1 << 20
	check(t, job.Write(root.Abs(baseline)))
	check(t, newWorker(root).Work(t.Context(), baseline, nobody))
	if end, ok := last(t, root, baseline).(journal.Failed); !ok || !strings.Contains(end.Error, "there is no record 1048576") {
		t.Errorf("ended as %+v", last(t, root, baseline))
	}
}

// TestReplayMustRepeat resumes a run that took other losses than this machine
// computes.
func TestReplayMustRepeat(t *testing.T) {
	root, _, run := planned(t, "{}")
	ctx, cancel := context.WithCancel(t.Context())
	w := newWorker(root)
	w.Now = func() time.Time {
		if stepped(root, run) {
			cancel()
		}
		return time.Now()
	}
	check(t, w.Work(ctx, run, nobody))
	end, ok := last(t, root, run).(journal.Interrupted)
	if !ok {
		t.Fatalf("ended as %+v", last(t, root, run))
	}
	resume := func(number int, loss func(float64) float64) journal.Body {
		// A whole attempt has the true losses of the steps to come.
		whole, _, truth := planned(t, "{}")
		check(t, newWorker(whole).Work(t.Context(), truth, nobody))
		job, err := runner.ReadJob(root.Abs(run))
		check(t, err)
		job.Attempt = number
		job.Resume = &runner.Resume{Step: end.Step, Attempt: root.Attempt(job.Key, number-1)}
		for _, e := range events(t, root, run) {
			if c, ok := e.(journal.Checkpoint); ok {
				job.Resume.Checkpoint = run + "/" + c.Path
			}
		}
		check(t, os.MkdirAll(root.Abs(job.Resume.Attempt), 0o700))
		log, err := journal.Create(filepath.Join(root.Abs(job.Resume.Attempt), runner.JournalFile))
		check(t, err)
		for _, e := range events(t, whole, truth) {
			if s, ok := e.(journal.Step); ok {
				s.Loss = loss(s.Loss)
				check(t, log.Append(s))
			}
		}
		check(t, log.Close())
		dir := root.Attempt(job.Key, number)
		check(t, job.Write(root.Abs(dir)))
		check(t, newWorker(root).Work(t.Context(), dir, nobody))
		return last(t, root, dir)
	}
	if got, ok := resume(11, func(x float64) float64 { return x }).(journal.Finished); !ok {
		t.Errorf("with the same losses: %+v", got)
	}
	failed, ok := resume(21, func(x float64) float64 { return x + 1e-15 }).(journal.Failed)
	if !ok || !strings.Contains(failed.Error, "this machine doesn't repeat itself") || !strings.Contains(failed.Hint, "--again") {
		t.Errorf("with other losses: %+v", failed)
	}
}

// nobody listens to how far an evaluation is.
func nobody(runner.Answered) {}

// TestAdvice has something to say where nobody else has.
func TestAdvice(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{engine.ErrNonFinite, "learning_rate"},
		{fmt.Errorf("base: %w", &checkpoint.ValueError{}), "damaged"},
		{&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, "free some space"},
		{runner.WithHint(engine.ErrNonFinite, "its own"), "its own"},
		{errors.New("anything"), ""},
	} {
		if got := advise(c.err); !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}

func TestNumerics(t *testing.T) {
	for _, device := range []string{"auto", "cpu"} {
		if n, err := Numerics(device); err != nil || n.Backend != "cpu" {
			t.Errorf("%s: %v, %v", device, n, err)
		}
	}
	if _, err := Numerics("tpu"); err == nil || runner.HintOf(err) == "" {
		t.Errorf("tpu: %v", err)
	}
}
