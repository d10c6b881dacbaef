package model

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"daybook/engine"
	"daybook/engine/checkpoint"
)

// TestArchitectures compares every family with transformers and PEFT, on the
// models of testdata/make_architectures.py.
func TestArchitectures(t *testing.T) {
	for _, name := range []string{"llama", "llama3", "mistral", "qwen2", "qwen3"} {
		t.Run(name, func(t *testing.T) {
			p := readFixture(t, filepath.Join("testdata", "architectures", name), checkpoint.Quantization{Kind: "none"})
			t.Run("logits", p.checkLogits)
			t.Run("gradients", p.checkGradients)
			t.Run("answers", p.checkAnswers)
		})
	}
}

func (p parity) checkLogits(t *testing.T) {
	t.Helper()
	m := p.open(t)
	for _, c := range []struct {
		name    string
		adapter *Adapter
	}{{"logits", m.Trained()}, {"base_logits", nil}} {
		m.Use(c.adapter)
		got, err := m.Logits(p.batch)
		if err != nil {
			t.Fatal(err)
		}
		within(t, c.name, got, p.file.F32(t, c.name), 1e-4)
	}
}

func (p parity) checkGradients(t *testing.T) {
	t.Helper()
	for _, checkpointing := range []engine.Checkpointing{engine.CheckpointNone, engine.CheckpointSelective, engine.CheckpointFull} {
		p.o.Checkpointing = checkpointing
		losses, g := backward(t, p.open(t), engine.Dropout{}, p.batch)
		want := p.file.F64(t, "loss")[0]
		if got := losses[0] / float64(targets(p.batch)); math.Abs(got-want) > 1e-5 {
			t.Errorf("loss %v, want %v", got, want)
		}
		checked, worst := 0, 0.0
		eachTensor(g, g, func(name string, x, _ []float32) {
			checked++
			d := difference(x, p.file.F32(t, "grad."+name))
			worst = max(worst, d)
			if !(d <= 1e-3) {
				t.Errorf("gradient of %s differs by %.1e", name, d)
			}
		})
		if want := 2 * int(engine.NumProjections) * p.shape.Layers; checked != want {
			t.Errorf("%d gradients, want %d", checked, want)
		}
		t.Logf("checkpointing %s: gradients differ by at most %.1e", checkpointing, worst)
	}
}

// checkAnswers decodes with a cache, from prompts shorter and longer than windows.
func (p parity) checkAnswers(t *testing.T) {
	t.Helper()
	var prompts [][]int32
	for _, e := range p.examples() {
		prompts = append(prompts, e.Tokens)
	}
	m, want := p.open(t), p.file.I32(t, "answers")
	n := len(want) / len(prompts)
	got := generate(t, m, prompts, GenerateOptions{MaxNewTokens: n, BatchSize: 3})
	for i := range prompts {
		if !slices.Equal(got[i], want[i*n:(i+1)*n]) {
			t.Errorf("answer %d: %v, want %v", i, got[i], want[i*n:(i+1)*n])
		}
	}
}
