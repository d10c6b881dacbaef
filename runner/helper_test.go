package runner_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"daybook/engine"
	"daybook/ledger"
	"daybook/ledger/journal"
	"daybook/ledger/keyring"
	"daybook/ledger/store"
	"daybook/runner"
	"daybook/runner/runnertest"
	"daybook/runner/worker"
	"daybook/sweeps"
)

// one is a sweep of a single run.
const one = `(import 'daybook.libsonnet').sweep('tiny', import 'tiny.libsonnet')`

// tb is what testing.T and rapid.T have in common.
type tb interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// place is a folder with a base and notes, and a root with its ledger.
type place struct {
	dir    string
	root   runner.Root
	ledger *ledger.Ledger
	key    []byte
}

// newPlace makes a root in a folder of its own.
func newPlace(tb testing.TB) *place {
	tb.Helper()
	p := &place{dir: tb.TempDir()}
	check(tb, runnertest.Write(p.dir))
	var err error
	p.root, err = runner.NewRoot(p.dir)
	check(tb, err)
	check(tb, p.root.Prepare())
	p.key, err = p.root.RecordKey()
	check(tb, err)
	p.ledger, err = ledger.Open(tb.Context(), p.root.Ledger(), ledger.Options{Keys: &keyring.Ring{Dir: tb.TempDir()}})
	check(tb, err)
	tb.Cleanup(func() { check(tb, p.ledger.Close()) })
	return p
}

// plan plans the sweep that text describes.
func (p *place) plan(t tb, text string, change ...func(*runner.PlanOptions)) *runner.Plan {
	t.Helper()
	path := filepath.Join(p.dir, "sweep.jsonnet")
	check(t, os.WriteFile(path, []byte(text), 0o600))
	return p.planFile(t, path, change...)
}

func (p *place) planFile(t tb, path string, change ...func(*runner.PlanOptions)) *runner.Plan {
	t.Helper()
	return p.planWith(t, sweeps.Options{Path: path}, change...)
}

func (p *place) planWith(t tb, load sweeps.Options, change ...func(*runner.PlanOptions)) *runner.Plan {
	t.Helper()
	sweep, err := sweeps.Load(context.Background(), load)
	check(t, err)
	o := runner.PlanOptions{Root: p.root, Ledger: p.ledger, Key: p.key, Device: "cpu", Numerics: worker.Numerics}
	for _, c := range change {
		c(&o)
	}
	plan, err := runner.NewPlan(context.Background(), sweep, o)
	check(t, err)
	return plan
}

// run executes a plan with workers in this process.
func (p *place) run(ctx context.Context, plan *runner.Plan, change ...func(*runner.RunOptions)) (runner.Outcome, error) {
	o := runner.RunOptions{
		Devices: []string{"cpu"},
		Ledger:  p.ledger, Store: store.New(p.root.Store()), Jobs: 2, Threads: 1, Worker: "test", Holder: "test on here",
		Start: p.worker, Progress: &progress{}, Now: time.Now,
	}
	for _, c := range change {
		c(&o)
	}
	return plan.Run(ctx, o)
}

// mustRun is run where nothing may fail.
func (p *place) mustRun(t *testing.T, plan *runner.Plan, change ...func(*runner.RunOptions)) runner.Outcome {
	t.Helper()
	outcome, err := p.run(t.Context(), plan, change...)
	check(t, err)
	if len(outcome.Failed) > 0 {
		t.Fatalf("failed: %s", outcome.Failed[0].Error)
	}
	return outcome
}

func (p *place) worker() (runner.Worker, error) {
	return local{&worker.Worker{Root: p.root, Name: "test", Now: time.Now}}, nil
}

// adapter returns the weights of the only run's published adapter.
func (p *place) adapter(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(p.dir, "adapters", "tiny", "v0001", "adapter_model.safetensors"))
	check(t, err)
	return data
}

// local is a worker in this process.
type local struct{ *worker.Worker }

func (local) Close() error { return nil }

// workerFunc is a worker made of a function.
type workerFunc func(ctx context.Context, dir string) error

func (f workerFunc) Work(ctx context.Context, dir string, _ func(runner.Answered)) error {
	return f(ctx, dir)
}
func (workerFunc) Close() error { return nil }

// nobody listens to how far an evaluation is.
func nobody(runner.Answered) {}

// progress notes what it hears.
type progress struct {
	mu    sync.Mutex
	heard []string
	held  func()
}

func (p *progress) note(words ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = append(p.heard, strings.Join(words, " "))
}

func (p *progress) has(line string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.heard, line)
}

func (p *progress) Begin(item *runner.Item, _ int) { p.note("begin", item.Job.Name) }

func (p *progress) Event(*runner.Item, journal.Body) {}

func (p *progress) Answered(item *runner.Item, a runner.Answered) {
	p.note("answered", item.Job.Name, fmt.Sprintf("epoch %d %s %d/%d", a.Epoch, a.Split, a.Done, a.Total))
}

func (p *progress) End(item *runner.Item, state ledger.State, _ string) {
	p.note("end", item.Job.Name, string(state))
}

func (p *progress) Held(item *runner.Item, holder string) {
	p.note("held", item.Job.Name, holder)
	if p.held != nil {
		p.held()
	}
}

func (p *progress) Published(item *runner.Item, _ ledger.Adapter) { p.note("published", item.Job.Name) }

func (p *progress) Damaged(item *runner.Item, err error) {
	p.note("damaged", item.Job.Name, err.Error())
}

// trained returns the keys of the plan's training runs, in order.
func trained(p *runner.Plan) []string {
	var keys []string
	for _, item := range p.Items {
		if item.Job.Kind == ledger.Train {
			keys = append(keys, item.Job.Key)
		}
	}
	return keys
}

// state returns where a run stands in the ledger.
func (p *place) state(t *testing.T, key string) ledger.RunStatus {
	t.Helper()
	found, err := p.ledger.States(t.Context(), []ledger.Digest{key})
	check(t, err)
	return found[key]
}

func check(t tb, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// numerics is a device that computes in another way.
func otherNumerics(string) (engine.Numerics, error) {
	n, err := worker.Numerics("cpu")
	n.Version++
	return n, err
}
