package worker

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"daybook/engine"
	"daybook/engine/device"
	"daybook/ledger"
	"daybook/ledger/store"
	"daybook/runner"
)

// rack is a machine with a gpu for each name, which one worker has at a time.
type rack struct {
	root runner.Root
	gpus map[string]*gpu

	mu      sync.Mutex
	started int            // workers
	busy    map[string]int // attempts in progress, by device
	runs    map[string]int // trained, by device
	two     chan struct{}  // closed once two devices train
}

func (r *rack) open(s engine.Shape, name string, o device.Options) (engine.Backend, error) {
	g := r.gpus[name]
	if g == nil {
		return nil, fmt.Errorf("device %s: no such device", name)
	}
	return g.open(s, name, o)
}

func (r *rack) start() (runner.Worker, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.started++
	w := newWorker(r.root)
	w.opened = r.open
	return racked{inProcess{w}, r}, nil
}

// begin notes an attempt, which fails where another is in progress.
func (r *rack) begin(job *runner.Job) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy[job.Device]++; r.busy[job.Device] > 1 {
		return fmt.Errorf("device %s: %d attempts at a time", job.Device, r.busy[job.Device])
	}
	if job.Kind != ledger.Train {
		return nil
	}
	if r.runs[job.Device]++; r.runs[job.Device] == 1 && len(r.runs) == 2 {
		close(r.two)
	}
	return nil
}

func (r *rack) end(job *runner.Job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy[job.Device]--
}

// racked is a worker of a rack. It trains once another device does too.
type racked struct {
	inProcess
	rack *rack
}

func (w racked) Work(ctx context.Context, dir string, hear func(runner.Answered)) error {
	job, err := runner.ReadJob(w.rack.root.Abs(dir))
	if err != nil {
		return err
	}
	defer w.rack.end(job)
	if err := w.rack.begin(job); err != nil {
		return err
	}
	if job.Kind == ledger.Train {
		select {
		case <-w.rack.two:
		case <-time.After(time.Minute):
			return fmt.Errorf("device %s: no other trains", job.Device)
		}
	}
	return w.inProcess.Work(ctx, dir, hear)
}

// TestDevices does a sweep on two devices: each has one worker, which loads the base
// that all runs share once, and both train.
func TestDevices(t *testing.T) {
	h := newHere(t, nil)
	r := &rack{
		root: h.root, gpus: map[string]*gpu{"cuda:2": {memory: -1}, "cuda:5": {memory: -1}},
		busy: map[string]int{}, runs: map[string]int{}, two: make(chan struct{}),
	}
	path := filepath.Join(h.dir, "sweep.jsonnet")
	check(t, os.WriteFile(path, []byte(`local d = import 'daybook.libsonnet'; d.sweep('tiny', (import 'tiny.libsonnet') + { train+: { epochs: 1 } }, d.grid([d.rank([2, 4]), d.seed([0, 1])]))`), 0o600))
	outcome, err := loadPlan(t, h.root, h.ledger, path).Run(t.Context(), runner.RunOptions{
		Ledger: h.ledger, Store: store.New(h.root.Store()), Jobs: 2, Threads: 1, Devices: []string{"cuda:2", "cuda:5"},
		Worker: "test", Holder: "test on here", Start: r.start, Progress: silent{}, Now: time.Now,
	})
	check(t, err)
	if len(outcome.Failed) > 0 || outcome.Finished != 5 {
		t.Fatalf("%+v", outcome)
	}
	if r.started != 2 {
		t.Errorf("%d workers, want one for each of two devices", r.started)
	}
	if r.runs["cuda:2"] == 0 || r.runs["cuda:5"] == 0 || r.runs["cuda:2"]+r.runs["cuda:5"] != 4 {
		t.Errorf("runs by device: %v, want 4 on both", r.runs)
	}
	for name, g := range r.gpus {
		if g.opened != 1 || !slices.Equal(g.loads, []string{"double"}) {
			t.Errorf("%s: opened %d times, loaded %q, want the base once", name, g.opened, g.loads)
		}
	}
	sound(t, h)
}
