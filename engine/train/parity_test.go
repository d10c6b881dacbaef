package train

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"daybook/engine"
	"daybook/engine/backendtest/fixture"
	"daybook/engine/checkpoint"
	"daybook/engine/cuda"
	"daybook/engine/device"
	"daybook/engine/model"
	"daybook/engine/model/modeltest"
)

// parity is the fixture of engine/model/testdata/make_parity.py.
var parity = filepath.Join("..", "model", "testdata", "parity")

// TestParityCurve trains the fixture, 20 steps of two micro-batches each, as
// transformers, PEFT and PyTorch's AdamW did, and compares every step.
func TestParityCurve(t *testing.T) {
	f := fixture.Read(t, filepath.Join(parity, "curve.safetensors"))
	for _, schedule := range []string{"constant", "linear"} {
		t.Run(schedule, func(t *testing.T) {
			r, windows := parityRun(t, "cpu", checkpoint.Quantization{Kind: "none"}, f, 3)
			r.Training.Schedule, r.Training.LearningRate = schedule, 1e-2
			if schedule == "linear" {
				r.Training.WarmupRatio = 0.15 // of 20 steps
			}
			c := follow(t, r, windows, f, schedule)
			if c.worst > 1e-3 || c.norm > 1e-3 {
				t.Errorf("%s", c)
			}
			if schedule != "constant" {
				return
			}
			got, err := r.model.Trained().Download()
			if err != nil {
				t.Fatal(err)
			}
			if d := adapterDifference(got, wanted(t, f, got)); !(d <= 1e-3) {
				t.Errorf("the trained adapter differs by %.1e", d)
			}
		})
	}
}

// TestParityCurveNF4 trains 50 steps on the NF4 base as transformers, PEFT and
// PyTorch's AdamW did in float32 on the same NF4 weights, on every device.
func TestParityCurveNF4(t *testing.T) {
	f := fixture.Read(t, filepath.Join(parity, "curve_nf4.safetensors"))
	for _, c := range []struct {
		device      string
		worst, mean float64 // difference of a step's loss
	}{{"cpu", 1e-3, 1e-3}, {"cuda:0/float32", 1e-3, 1e-3}, {"cuda:0", 0.02, 0.005}} {
		t.Run(c.device, func(t *testing.T) {
			r, windows := parityRun(t, c.device, checkpoint.Quantization{Kind: "nf4", DoubleQuant: true}, f, 4)
			r.Training.Schedule, r.Training.LearningRate, r.Training.WarmupRatio = "linear", 5e-3, 0.1
			got := follow(t, r, windows, f, "linear")
			if got.worst > c.worst || got.mean > c.mean || got.steps != 50 {
				t.Errorf("%s", got)
			}
			t.Log(got)
		})
	}
}

// parityRun returns a run of the fixture's adapter, and the windows of f, of which
// the first micro-batch has so many documents.
func parityRun(t *testing.T, name string, q checkpoint.Quantization, f fixture.File, batch int) (*run, []Window) {
	t.Helper()
	base, err := checkpoint.Open(filepath.Join(parity, "base"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := base.Load(t.Context(), q, nil)
	if err != nil {
		t.Fatal(err)
	}
	adapter, err := checkpoint.ReadAdapter(filepath.Join(parity, "adapter"), base.Shape())
	if err != nil {
		t.Fatal(err)
	}
	d, err := device.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	be, err := d.Open(base.Shape(), device.Options{Threads: 2})
	if errors.Is(err, cuda.ErrUnavailable) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := be.Close(); err != nil {
			t.Error(err)
		}
	})
	src, err := model.NewResident(be, w)
	if err != nil {
		t.Fatal(err)
	}
	examples, windows := curve(t, f)
	r, err := newRun(t.Context(), Job{
		Backend: be, Source: src, Examples: examples, Initial: adapter, Dir: t.TempDir(), Room: Room{Tokens: 150},
		Training: engine.Training{
			Epochs: 1, BatchSize: batch, GradAccum: 2, LearningRate: 1, Schedule: "constant", MaxGradNorm: 1, MaxSeqLen: 64,
			LoRA:      adapter.LoRA,
			Optimizer: engine.OptimizerConfig{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.order.Steps = len(windows)
	return r, windows
}

// course is how far a training's losses and norms are from the fixture's.
type course struct {
	steps       int
	worst, mean float64 // of the losses
	norm        float64 // largest relative difference of gradient norms
	first, last float64 // losses
}

func (c course) String() string {
	return fmt.Sprintf("%d steps: losses differ by %.1e at most, %.1e on average, gradient norms by %.1e; loss %.3f to %.3f",
		c.steps, c.worst, c.mean, c.norm, c.first, c.last)
}

// follow takes the steps of windows. Rates must be the fixture's, and the loss fall.
func follow(t *testing.T, r *run, windows []Window, f fixture.File, schedule string) (c course) {
	t.Helper()
	loss, norm, rate := f.F64(t, schedule+"_loss"), f.F64(t, schedule+"_norm"), f.F64(t, schedule+"_lr")
	for i, w := range windows {
		s, _, err := r.step(w, i+1)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(s.Rate-rate[i]) > 1e-12 {
			t.Errorf("step %d: rate %v, want %v", s.Step, s.Rate, rate[i])
		}
		d := math.Abs(s.Loss - loss[i])
		c.steps++
		c.worst, c.mean = max(c.worst, d), c.mean+d/float64(len(windows))
		c.norm = max(c.norm, math.Abs(s.GradNorm-norm[i])/norm[i])
		if i == 0 {
			c.first = s.Loss
		}
		c.last = s.Loss
	}
	if !(c.last <= 0.7*c.first) {
		t.Errorf("loss fell from %v to %v only", c.first, c.last)
	}
	return c
}

// curve returns the documents of the fixture and the windows they were trained in.
func curve(t *testing.T, f fixture.File) ([]engine.Example, []Window) {
	t.Helper()
	tokens, targets, starts := f.I32(t, "tokens"), f.I32(t, "targets"), f.I32(t, "starts")
	step, micro := f.I32(t, "step"), f.I32(t, "micro")
	var examples []engine.Example
	windows := make([]Window, step[len(step)-1]+1)
	for d := range step {
		e := modeltest.Identify(engine.Example{Record: d, Tokens: tokens[starts[d]:starts[d+1]], Targets: targets[starts[d]:starts[d+1]]})
		examples = append(examples, e)
		w := &windows[step[d]]
		if int(micro[d]) == len(w.Batches) {
			w.Batches = append(w.Batches, nil)
		}
		w.Batches[micro[d]] = append(w.Batches[micro[d]], Row{d})
		w.Tokens += len(e.Tokens)
		w.Targets += e.TargetCount()
	}
	return examples, windows
}

// wanted returns the fixture's trained adapter in the layout of like.
func wanted(t *testing.T, f fixture.File, like *engine.HostAdapter) *engine.HostAdapter {
	t.Helper()
	out := &engine.HostAdapter{LoRA: like.LoRA, Layers: make([]engine.HostAdapterLayer, len(like.Layers))}
	for i := range like.Layers {
		for p := range engine.NumProjections {
			out.Layers[i].A[p] = f.F32(t, "constant."+engine.ParameterName(i, p, "A"))
			out.Layers[i].B[p] = f.F32(t, "constant."+engine.ParameterName(i, p, "B"))
		}
	}
	return out
}
