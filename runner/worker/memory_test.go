package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"daybook/engine"
	"daybook/engine/device"
	"daybook/ledger"
	"daybook/ledger/journal"
	"daybook/ledger/keyring"
	"daybook/ledger/store"
	"daybook/runner"
	"daybook/runner/runnertest"
)

// gpu is the processor with the memory of a GPU: so many bytes, which a test can see
// the end of.
type gpu struct {
	memory int64 // bytes that are left before anything is loaded; -1: nobody knows
	fail   int   // which request for memory fails, from 1; 0: none

	opened   int
	loads    []string // how the bases that were loaded are held
	requests int
}

// card is a backend on a gpu.
type card struct {
	engine.Backend
	gpu  *gpu
	base int64 // bytes
}

func (g *gpu) open(s engine.Shape, _ string, o device.Options) (engine.Backend, error) {
	g.opened++
	be, err := device.CPU.Open(s, o)
	return &card{Backend: be, gpu: g}, err
}

func (c *card) Available() (int64, error) {
	if c.gpu.memory < 0 {
		return -1, nil
	}
	return c.gpu.memory - c.base, nil
}

func (c *card) SetThreads(n int) error {
	t, ok := c.Backend.(engine.Threader)
	if !ok {
		return errors.New("the processor has no threads")
	}
	return t.SetThreads(n)
}

func (c *card) NewWeight(m engine.Matrix) (engine.Weight, error) {
	g := c.gpu
	switch {
	case m.Rows == runnertest.Shape().Vocab: // the first of a base
		g.loads = append(g.loads, "none")
	case m.NF4 != nil:
		g.loads[len(g.loads)-1] = "nf4"
		if m.NF4.Absmax == nil {
			g.loads[len(g.loads)-1] = "double"
		}
	}
	w, err := c.Backend.NewWeight(m)
	if err == nil {
		c.base += w.Bytes()
	}
	return w, err
}

var errFull = runner.WithHint(errors.New("out of device memory"), "see who else has some")

// request fails if it is the one that shall.
func (c *card) request() error {
	if c.gpu.requests++; c.gpu.requests == c.gpu.fail {
		return errFull
	}
	return nil
}

func (c *card) Allocate(specs []engine.BufferSpec) ([]engine.Buffer, error) {
	if err := c.request(); err != nil {
		return nil, err
	}
	if strings.HasPrefix(specs[0].Name, "layer.") { // norms and biases
		c.base += c.Size(specs)
	}
	return c.Backend.Allocate(specs)
}

func (c *card) NewCache(slots, positions int) (engine.Cache, error) {
	if err := c.request(); err != nil {
		return nil, err
	}
	return c.Backend.NewCache(slots, positions)
}

// Attention stands for what operations work in.
func (c *card) Attention(in engine.DeviceBatch, act *engine.Activations) error {
	if err := c.request(); err != nil {
		return fmt.Errorf("attention: scratch: %w", err)
	}
	return c.Backend.Attention(in, act)
}

// here is a root whose runs are done in this process, on a gpu.
type here struct {
	dir    string
	root   runner.Root
	ledger *ledger.Ledger
	gpu    *gpu
}

func newHere(t *testing.T, g *gpu) *here {
	t.Helper()
	h := &here{dir: t.TempDir(), gpu: g}
	check(t, runnertest.Write(h.dir))
	var err error
	h.root, err = runner.NewRoot(h.dir)
	check(t, err)
	check(t, h.root.Prepare())
	h.ledger, err = ledger.Open(t.Context(), h.root.Ledger(), ledger.Options{Keys: &keyring.Ring{Dir: t.TempDir()}})
	check(t, err)
	t.Cleanup(func() { check(t, h.ledger.Close()) })
	return h
}

// run does a sweep. Each call has a worker of its own.
func (h *here) run(t *testing.T, text string) runner.Outcome {
	t.Helper()
	path := filepath.Join(h.dir, "sweep.jsonnet")
	check(t, os.WriteFile(path, []byte("local d = import 'daybook.libsonnet'; "+text), 0o600))
	plan := loadPlan(t, h.root, h.ledger, path)
	outcome, err := plan.Run(t.Context(), runner.RunOptions{
		Ledger: h.ledger, Store: store.New(h.root.Store()), Jobs: 1, Threads: 2, Devices: []string{"cpu"}, Worker: "test", Holder: "test on here",
		Start: func() (runner.Worker, error) {
			w := newWorker(h.root)
			w.opened = h.gpu.open
			return inProcess{w}, nil
		},
		Progress: silent{}, Now: time.Now,
	})
	check(t, err)
	return outcome
}

// adapter returns the weights of the only adapter.
func (h *here) adapter(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(h.dir, "adapters", "tiny", "v0001", "adapter_model.safetensors"))
	check(t, err)
	return string(data)
}

// inProcess is a worker in this process.
type inProcess struct{ *Worker }

func (w inProcess) Close() error {
	w.unload()
	return nil
}

// silent hears nothing.
type silent struct{}

func (silent) Begin(*runner.Item, int)                {}
func (silent) Event(*runner.Item, journal.Body)       {}
func (silent) Answered(*runner.Item, runner.Answered) {}
func (silent) End(*runner.Item, ledger.State, string) {}
func (silent) Held(*runner.Item, string)              {}
func (silent) Published(*runner.Item, ledger.Adapter) {}
func (silent) Damaged(*runner.Item, error)            {}

// TestLoads counts how often a worker loads a base while it does a sweep: once for each
// way in which one is held, whatever else changes from run to run and from the
// baselines, which have all threads for themselves, to the runs.
func TestLoads(t *testing.T) {
	for name, c := range map[string]struct {
		sweep string
		want  []string
	}{
		"one base": {
			`d.sweep('tiny', (import 'tiny.libsonnet') + { train+: { epochs: 1 }, eval+: { baselines: [d.unquantized, d.k_shot(1)] } }, d.grid([d.rank([2, 4]), d.axis('offload', 'train.offload', [['device', []], ['host', ['inputs']]])]))`,
			[]string{"none", "double"},
		},
		"two in turn": {
			`d.sweep('tiny', (import 'tiny.libsonnet') + { train+: { epochs: 1 } }, d.grid([d.rank([2, 4]), d.axis('double', 'base.double_quant', [true, false])]))`,
			[]string{"nf4", "double", "nf4"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHere(t, &gpu{memory: -1})
			if outcome := h.run(t, c.sweep); len(outcome.Failed) > 0 || outcome.Finished < 5 {
				t.Fatalf("%+v", outcome)
			}
			if !slices.Equal(h.gpu.loads, c.want) || h.gpu.opened != len(c.want) {
				t.Errorf("loaded %q on %d devices, want %q", h.gpu.loads, h.gpu.opened, c.want)
			}
		})
	}
}

// TestLoadsWithOtherThreads gives a worker other threads with the next attempt.
func TestLoadsWithOtherThreads(t *testing.T) {
	root, baseline, run := planned(t, "{}")
	job, err := runner.ReadJob(root.Abs(run))
	check(t, err)
	job.Threads = 3
	check(t, job.Write(root.Abs(run)))
	g := &gpu{memory: -1}
	w := newWorker(root)
	w.opened = g.open
	for dir, threads := range map[string]string{baseline: "1", run: "3"} {
		check(t, w.Work(t.Context(), dir, nobody))
		started, ok := events(t, root, dir)[0].(journal.Started)
		if !ok || started.Device["threads"] != threads {
			t.Errorf("%+v, want %s threads", started, threads)
		}
	}
	if len(g.loads) != 1 {
		t.Errorf("loaded %q", g.loads)
	}
}

const one = `d.sweep('tiny', (import 'tiny.libsonnet') + { train+: { epochs: 2 } })`

// TestRefused gives runs less memory than they need: they are refused before anything
// is loaded, with a setting that then fits.
func TestRefused(t *testing.T) {
	// What a run takes is what an estimate says.
	estimate := func(h *here, text string) []*runner.Footprint {
		t.Helper()
		path := filepath.Join(h.dir, "sweep.jsonnet")
		check(t, os.WriteFile(path, []byte("local d = import 'daybook.libsonnet'; "+text), 0o600))
		plan := loadPlan(t, h.root, h.ledger, path)
		feet, err := plan.Estimate(t.Context(), runner.EstimateOptions{Planner: func(s engine.Shape) (engine.Planner, int64, error) {
			be, err := (&gpu{}).open(s, "", device.Options{Threads: 2})
			return be, 0, err
		}})
		check(t, err)
		return feet
	}
	eager := strings.Replace(one, "epochs: 2", "epochs: 2, gradient_checkpointing: 'none', optimizer: 'adamw_8bit'", 1)
	h := newHere(t, &gpu{})
	feet := estimate(h, eager)
	baseline, run := feet[0].Engine, feet[1].Engine
	if baseline >= run {
		t.Fatalf("a baseline takes %d bytes, a run %d", baseline, run)
	}

	h.gpu.memory = baseline - 1
	outcome := h.run(t, eager)
	if len(outcome.Failed) != 2 || h.gpu.loads != nil {
		t.Fatalf("with less than a baseline takes: loaded %q, %+v", h.gpu.loads, outcome)
	}
	if f := outcome.Failed[0]; !strings.HasPrefix(f.Error, "memory: ") || !strings.Contains(f.Hint, "a smaller eval.batch_size, or a GPU") {
		t.Errorf("baseline: %s; %s", f.Error, f.Hint)
	}

	h.gpu.memory = run - 1
	outcome = h.run(t, eager)
	if len(outcome.Failed) != 1 || outcome.Finished != 1 || len(h.gpu.loads) != 1 {
		t.Fatalf("with a byte less than a run takes: loaded %q, %+v", h.gpu.loads, outcome)
	}
	f := outcome.Failed[0]
	if !strings.HasPrefix(f.Error, "memory: ") || !strings.Contains(f.Error, " needed on the device, ") || !strings.Contains(f.Hint, "set train.optimizer: 'paged_adamw_8bit': that fits") {
		t.Fatalf("%s; %s", f.Error, f.Hint)
	}
	outcome = h.run(t, strings.Replace(eager, "'adamw_8bit'", "'paged_adamw_8bit'", 1))
	if len(outcome.Failed) != 0 || outcome.Finished != 1 {
		t.Fatalf("with the setting of the hint: %+v", outcome)
	}

	again := newHere(t, &gpu{memory: run})
	if outcome := again.run(t, eager); len(outcome.Failed) != 0 || outcome.Finished != 2 {
		t.Fatalf("with exactly what a run takes: %+v", outcome)
	}
	if again.adapter(t) != h.adapter(t) {
		t.Error("a setting of memory changed the adapter")
	}
}

// TestRefusedBase has no room for a base, whatever is done with it.
func TestRefusedBase(t *testing.T) {
	h := newHere(t, &gpu{memory: 1000})
	outcome := h.run(t, strings.Replace(one, "train+", "eval+: { baselines: [d.unquantized] }, train+", 1))
	if len(outcome.Failed) != 3 || h.gpu.loads != nil {
		t.Fatalf("loaded %q, %+v", h.gpu.loads, outcome)
	}
	for _, f := range outcome.Failed {
		want := "the base alone does not fit, wherever its embedding lies: use a GPU"
		if f.Item.Job.Baseline == "unquantized" {
			want = "leave d.unquantized out of eval.baselines, or use a GPU"
		}
		if !strings.Contains(f.Hint, want) {
			t.Errorf("%s: %s; %s", f.Item.Job.Name, f.Error, f.Hint)
		}
	}
}

// TestOutOfMemory has one request for memory after another fail in the middle of a
// sweep. What was being done fails and says why, the rest is done, the ledger is sound,
// and another call does what is left, to the same bytes.
func TestOutOfMemory(t *testing.T) {
	whole := newHere(t, &gpu{memory: -1})
	if outcome := whole.run(t, one); len(outcome.Failed) != 0 {
		t.Fatalf("%+v", outcome)
	}
	const tries = 9
	for i := range tries {
		n := 1 + i*(whole.gpu.requests-1)/(tries-1) // the first and the last among them
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			h := newHere(t, &gpu{memory: -1, fail: n})
			outcome := h.run(t, one)
			if len(outcome.Failed) != 1 || outcome.Finished != 1 {
				t.Fatalf("%+v", outcome)
			}
			f := outcome.Failed[0]
			if !strings.HasSuffix(f.Error, "out of device memory") || f.Hint != "see who else has some" {
				t.Errorf("%s; %s", f.Error, f.Hint)
			}
			t.Logf("%s: %s", f.Item.Job.Name, f.Error)
			run, err := h.ledger.Run(t.Context(), f.Item.Job.Key)
			check(t, err)
			if run.State != ledger.Failed {
				t.Errorf("the run is %s", run.State)
			}
			if outcome := h.run(t, one); len(outcome.Failed) != 0 || outcome.Finished != 1 {
				t.Errorf("again: %+v", outcome)
			}
			sound(t, h)
			if h.adapter(t) != whole.adapter(t) {
				t.Error("the adapter has other bytes")
			}
		})
	}
}

// sound verifies the ledger and what it knows of files.
func sound(t *testing.T, h *here) {
	t.Helper()
	v, err := h.ledger.Verify(t.Context(), ledger.VerifyOptions{})
	check(t, err)
	if len(v.Problems) > 0 {
		t.Errorf("%+v", v.Problems)
	}
	files, err := runner.VerifyFiles(context.Background(), h.root, h.ledger, store.New(h.root.Store()), func(int, int) {})
	check(t, err)
	if len(files.Problems) > 0 {
		t.Errorf("%+v", files.Problems)
	}
}
