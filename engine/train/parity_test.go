package train

import (
	"math"
	"path/filepath"
	"testing"

	"daybook/engine"
	"daybook/engine/backendtest/fixture"
	"daybook/engine/checkpoint"
	"daybook/engine/cpu"
	"daybook/engine/model"
	"daybook/engine/model/modeltest"
)

// TestParityCurve trains the fixture of engine/model/testdata/make_parity.py,
// 20 steps of two micro-batches each, as transformers, PEFT and PyTorch's AdamW
// did, and compares every step.
func TestParityCurve(t *testing.T) {
	dir := filepath.Join("..", "model", "testdata", "parity")
	base, err := checkpoint.Open(filepath.Join(dir, "base"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := base.Load(t.Context(), checkpoint.Quantization{Kind: "none"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	adapter, err := checkpoint.ReadAdapter(filepath.Join(dir, "adapter"), base.Shape())
	if err != nil {
		t.Fatal(err)
	}
	f := fixture.Read(t, filepath.Join(dir, "curve.safetensors"))

	for _, schedule := range []string{"constant", "linear"} {
		t.Run(schedule, func(t *testing.T) {
			be, err := cpu.Open(base.Shape(), cpu.Options{Threads: 2})
			if err != nil {
				t.Fatal(err)
			}
			src, err := model.NewResident(be, w)
			if err != nil {
				t.Fatal(err)
			}
			examples, windows := curve(t, f)
			tr := engine.Training{
				Epochs: 1, BatchSize: 3, GradAccum: 2, LearningRate: 1e-2, Schedule: schedule, MaxGradNorm: 1, MaxSeqLen: 64,
				LoRA:      adapter.LoRA,
				Optimizer: engine.OptimizerConfig{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8},
			}
			if schedule == "linear" {
				tr.WarmupRatio = 0.15 // of 20 steps
			}
			r, err := newRun(Job{
				Backend: be, Source: src, Training: tr, Examples: examples, Initial: adapter, Dir: t.TempDir(),
				EvaluateTokens: 96,
			})
			if err != nil {
				t.Fatal(err)
			}
			r.order.Steps = len(windows)
			loss, norm, rate := f.F64(t, schedule+"_loss"), f.F64(t, schedule+"_norm"), f.F64(t, schedule+"_lr")
			var first, last float64
			for i, w := range windows {
				s, _, err := r.step(w, i+1)
				if err != nil {
					t.Fatal(err)
				}
				if math.Abs(s.Loss-loss[i]) > 1e-3 || math.Abs(s.GradNorm-norm[i]) > 1e-3*norm[i] || math.Abs(s.Rate-rate[i]) > 1e-12 {
					t.Errorf("step %d: loss %.6f, norm %.6f, rate %v; want %.6f, %.6f, %v", s.Step, s.Loss, s.GradNorm, s.Rate, loss[i], norm[i], rate[i])
				}
				if i == 0 {
					first = s.Loss
				}
				last = s.Loss
			}
			if !(last <= 0.7*first) {
				t.Errorf("loss fell from %v to %v only", first, last)
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

// curve returns the documents of the fixture and the windows they were trained in.
func curve(t *testing.T, f fixture.File) ([]engine.Example, []Window) {
	t.Helper()
	tokens, targets, starts := f.I32(t, "tokens"), f.I32(t, "targets"), f.I32(t, "starts")
	step, micro := f.I32(t, "step"), f.I32(t, "micro")
	var examples []engine.Example
	windows := make([]Window, 20)
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
