package train

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"daybook/engine"
	"daybook/engine/cpu"
	"daybook/engine/model"
	"daybook/engine/model/modeltest"
)

// tb is what testing.T and rapid.T have in common.
type tb interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
	Cleanup(f func())
}

// tiny returns settings that use everything that keeps state: dropout, packing,
// accumulation, warmup, clipping.
func tiny() engine.Training {
	return engine.Training{
		Epochs: 3, BatchSize: 1, GradAccum: 2, LearningRate: 1e-2, Schedule: "linear", WarmupRatio: 0.1,
		MaxGradNorm: 1, MaxSeqLen: 40, Packing: true,
		LoRA:      engine.LoRA{Rank: 4, Alpha: 8, Dropout: 0.1, Targets: modeltest.AllLinear()},
		Optimizer: engine.OptimizerConfig{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.01},
		Seed:      3, Select: "loss",
	}
}

// smallShape is modeltest's with fewer layers.
func smallShape() engine.Shape {
	s := modeltest.Shape()
	s.Layers = 2
	return s
}

// eightBit makes some of the adapter's tensors large enough for 8-bit state.
func eightBit(t engine.Training) engine.Training {
	t.LoRA.Rank, t.LoRA.Targets = 32, []engine.Projection{engine.Q, engine.Down}
	t.Optimizer.EightBit = true
	return t
}

// job returns a job on a base of smallShape that evaluates on its own examples.
func job(t tb, tr engine.Training, dir string) Job {
	t.Helper()
	return jobOn(t, tr, dir, 2)
}

func jobOn(t tb, tr engine.Training, dir string, threads int) Job {
	t.Helper()
	s := smallShape()
	be, err := cpu.Open(s, cpu.Options{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := be.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	src, err := model.NewResident(be, modeltest.Weights(s, 1, true))
	if err != nil {
		t.Fatal(err)
	}
	return Job{
		Backend: be, Source: src, Base: [32]byte{1}, Training: tr, Dir: dir,
		Examples: modeltest.Examples(s, 7, 11, 4, 20),
		Evaluate: evaluate(modeltest.Examples(s, 8, 3, 4, 20)),
	}
}

// evaluate returns the loss on examples.
func evaluate(examples []engine.Example) func(context.Context, int, string, *model.Model) (map[string]float64, error) {
	return func(ctx context.Context, _ int, _ string, m *model.Model) (map[string]float64, error) {
		scores, err := m.Evaluate(ctx, examples, nil)
		if err != nil {
			return nil, err
		}
		nll, targets := 0.0, 0
		for _, s := range scores {
			nll += s.NLL
			targets += s.Targets
		}
		return map[string]float64{"loss": nll / float64(targets)}, nil
	}
}

// record makes j append its events to the list it returns.
func record(j *Job) *[]Event {
	var events []Event
	j.Emit = func(e Event) error {
		events = append(events, e)
		return nil
	}
	return &events
}

// steps returns the step events.
func steps(events []Event) []Step {
	var out []Step
	for _, e := range events {
		if s, ok := e.(*Step); ok {
			out = append(out, *s)
		}
	}
	return out
}

// as returns e as one kind of event.
func as[T Event](t tb, e Event) T {
	t.Helper()
	v, ok := e.(T)
	if !ok {
		t.Fatalf("event is a %T", e)
	}
	return v
}

func run1(t tb, j Job) *Result {
	t.Helper()
	res, err := Run(context.Background(), j)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// sameAdapters fails unless every epoch's adapter has the same bytes in a and b.
func sameAdapters(t tb, a, b string, epochs int) {
	t.Helper()
	for e := 1; e <= epochs; e++ {
		for _, name := range []string{"adapter_model.safetensors", "adapter_config.json"} {
			x, errX := os.ReadFile(filepath.Join(a, epochName(e), name))
			y, errY := os.ReadFile(filepath.Join(b, epochName(e), name))
			if err := errors.Join(errX, errY); err != nil {
				t.Fatal(err)
			}
			if string(x) != string(y) {
				t.Fatalf("epoch %d: %s differs", e, name)
			}
		}
	}
}

// adapterDifference returns the norm of a-b relative to that of b.
func adapterDifference(a, b *engine.HostAdapter) float64 {
	d, n := 0.0, 0.0
	for i := range a.Layers {
		for p := range engine.NumProjections {
			for _, half := range [][2][]float32{{a.Layers[i].A[p], b.Layers[i].A[p]}, {a.Layers[i].B[p], b.Layers[i].B[p]}} {
				for k, v := range half[1] {
					e := float64(half[0][k]) - float64(v)
					d += e * e
					n += float64(v) * float64(v)
				}
			}
		}
	}
	return math.Sqrt(d / n)
}

var _ tb = (*testing.T)(nil)
