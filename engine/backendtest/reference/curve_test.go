package reference

import (
	"math"
	"testing"

	"daybook/engine"
	"daybook/engine/backendtest/fixture"
	"daybook/engine/optim"
)

// trainer holds the float32 master weights of a model's adapters, as a trainer
// does, beside the float64 copies that the reference computes with.
type trainer struct {
	names         []string
	values, grads [][]float32
	wide, wideG   [][]float64
}

func newTrainer(m *Model) *trainer {
	tr := &trainer{}
	for i, l := range m.Layers {
		for p := range engine.NumProjections {
			a := l.Proj[p].LoRA
			name := "base_model.model." + parityName(i, p)
			tr.add(name+".lora_A.weight", a.A, a.GradA)
			tr.add(name+".lora_B.weight", a.B, a.GradB)
		}
	}
	return tr
}

func (tr *trainer) add(name string, value, grad []float64) {
	tr.names = append(tr.names, name)
	tr.wide, tr.wideG = append(tr.wide, value), append(tr.wideG, grad)
	tr.values, tr.grads = append(tr.values, make([]float32, len(value))), append(tr.grads, make([]float32, len(value)))
	for i, v := range value {
		tr.values[len(tr.values)-1][i] = float32(v)
	}
}

// step hands the gradients to the optimizer and takes back the weights.
func (tr *trainer) step(t *testing.T, o *optim.AdamW, rate float64, n int) float64 {
	t.Helper()
	for i, g := range tr.wideG {
		for j, v := range g {
			tr.grads[i][j] = float32(v)
		}
		clear(g)
	}
	if err := o.Step(rate, 1, n); err != nil {
		t.Fatal(err)
	}
	for i, v := range tr.values {
		copy(tr.wide[i], Widen(v))
	}
	norm, err := o.Result()
	if err != nil {
		t.Fatal(err)
	}
	return norm
}

// The same twenty steps as PyTorch: accumulation over two micro-batches
// normalised over the window, clipping, schedule and AdamW together.
func TestTrainingCurveMatchesPyTorch(t *testing.T) {
	f := fixture.Read(t, parity+"curve.safetensors")
	tokens, targets, starts, step := f.I32(t, "tokens"), f.I32(t, "targets"), f.I32(t, "starts"), f.I32(t, "step")
	micro := f.I32(t, "micro")
	for _, schedule := range []struct {
		name   string
		warmup int
	}{{"constant", 0}, {"linear", 3}} {
		m := parityModel(t, false, true)
		tr := newTrainer(m)
		o := optim.NewAdamW(engine.OptimizerConfig{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}, tr.names, tr.values, tr.grads)
		losses, norms, rates := f.F64(t, schedule.name+"_loss"), f.F64(t, schedule.name+"_norm"), f.F64(t, schedule.name+"_lr")
		if last := losses[len(losses)-1]; last > 0.7*losses[0] {
			t.Errorf("the loss falls only from %g to %g", losses[0], last)
		}
		doc, worst := 0, 0.0
		for n, want := range losses {
			window := []*engine.Batch{{}, {}}
			count := 0
			for ; doc < len(step) && int(step[doc]) == n; doc++ {
				from, to := starts[doc], starts[doc+1]
				window[micro[doc]].Add(tokens[from:to], targets[from:to], 0)
				for _, target := range targets[from:to] {
					if target != engine.Ignore {
						count++
					}
				}
			}
			loss := 0.0
			for _, b := range window {
				nll, _ := m.Step(b, 1/float64(count))
				loss += sum(nll) / float64(count)
			}
			worst = max(worst, math.Abs(loss-want)/want)
			// Rounding differences grow from step to step as training does.
			if math.Abs(loss-want) > 1e-4*want {
				t.Errorf("%s step %d: loss %.6f, want %.6f", schedule.name, n, loss, want)
			}
			rate := optim.LearningRate(schedule.name, 1e-2, n, schedule.warmup, len(losses))
			if math.Abs(rate-rates[n]) > 1e-15 {
				t.Errorf("%s step %d: rate %g, want %g", schedule.name, n, rate, rates[n])
			}
			if norm := tr.step(t, o, rate, n+1); math.Abs(norm-norms[n]) > 1e-3*norms[n] {
				t.Errorf("%s step %d: gradient norm %g, want %g", schedule.name, n, norm, norms[n])
			}
		}
		t.Logf("%s: losses differ by at most %.2g", schedule.name, worst)
		if schedule.name == "constant" {
			for i, name := range tr.names {
				got, want := tr.wide[i], f.F32(t, "constant."+name)
				var diff, size float64
				for j, w := range want {
					diff += (got[j] - float64(w)) * (got[j] - float64(w))
					size += float64(w) * float64(w)
				}
				if rel := math.Sqrt(diff / size); rel > 1e-3 {
					t.Errorf("%s after the training differs by %.2g", name, rel)
				}
			}
		}
	}
}
