package model

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"daybook/engine"
	"daybook/engine/backendtest/fixture"
	"daybook/engine/checkpoint"
)

// parity is the fixture that testdata/make_parity.py made with transformers and PEFT.
type parity struct {
	setup
	file  fixture.File
	batch *engine.Batch
}

func readParity(t *testing.T, quantization checkpoint.Quantization) parity {
	t.Helper()
	return readFixture(t, filepath.Join("testdata", "parity"), quantization)
}

func readFixture(t *testing.T, dir string, quantization checkpoint.Quantization) parity {
	t.Helper()
	base, err := checkpoint.Open(filepath.Join(dir, "base"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := base.Load(t.Context(), quantization, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := checkpoint.ReadAdapter(filepath.Join(dir, "adapter"), base.Shape())
	if err != nil {
		t.Fatal(err)
	}
	p := parity{file: fixture.Read(t, filepath.Join(dir, "batch.safetensors")), batch: &engine.Batch{}}
	p.setup = setup{
		shape: base.Shape(), weights: w, threads: 2, adapter: a,
		o: Options{MaxTokens: 64, MaxDocuments: 8, Train: true, LoRA: &a.LoRA},
	}
	tokens, targets, starts := p.file.I32(t, "tokens"), p.file.I32(t, "targets"), p.file.I32(t, "starts")
	for i := 1; i < len(starts); i++ {
		p.batch.Add(tokens[starts[i-1]:starts[i]], targets[starts[i-1]:starts[i]], 0)
	}
	return p
}

// examples returns the fixture's documents.
func (p parity) examples() []engine.Example {
	var out []engine.Example
	for d := range p.batch.Documents() {
		from, to := p.batch.Starts[d], p.batch.Starts[d+1]
		out = append(out, engine.Example{Tokens: p.batch.Tokens[from:to], Targets: p.batch.Targets[from:to]})
	}
	return out
}

func within(t *testing.T, what string, got, want []float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	worst, at := 0.0, 0
	for i := range want {
		if d := math.Abs(float64(got[i]) - float64(want[i])); !(d <= worst) {
			worst, at = d, i
		}
	}
	if !(worst <= tolerance) {
		t.Errorf("%s[%d]: got %v, want %v", what, at, got[at], want[at])
	}
	t.Logf("%s: largest difference %.1e", what, worst)
}

func TestParityLogits(t *testing.T) {
	readParity(t, checkpoint.Quantization{Kind: "none"}).checkLogits(t)
}

func TestParityLossAndGradients(t *testing.T) {
	readParity(t, checkpoint.Quantization{Kind: "none"}).checkGradients(t)
}

func TestParityEvaluate(t *testing.T) {
	p := readParity(t, checkpoint.Quantization{Kind: "none"})
	m := p.open(t)
	scores, err := m.Evaluate(context.Background(), p.examples(), nil)
	if err != nil {
		t.Fatal(err)
	}
	nll := p.file.F32(t, "nll")
	for d, s := range scores {
		want := 0.0
		for i := p.batch.Starts[d]; i < p.batch.Starts[d+1]; i++ {
			want += float64(nll[i])
		}
		if math.Abs(s.NLL-want) > 1e-4 {
			t.Errorf("document %d: nll %v, want %v", d, s.NLL, want)
		}
	}
}

func TestParityQuantized(t *testing.T) {
	p := readParity(t, checkpoint.Quantization{Kind: "nf4", DoubleQuant: true})
	m := p.open(t)
	got, err := m.Logits(p.batch)
	if err != nil {
		t.Fatal(err)
	}
	// The mean that double quantization subtracts is summed in another order
	// there, which moves scales in their last bit.
	within(t, "nf4_logits", got, p.file.F32(t, "nf4_logits"), 1e-3)
	losses, _ := backward(t, m, engine.Dropout{}, p.batch)
	want := p.file.F64(t, "nf4_loss")[0]
	if got := losses[0] / float64(targets(p.batch)); math.Abs(got-want) > 1e-3 {
		t.Errorf("loss %v, want %v", got, want)
	}
}

func targets(b *engine.Batch) int {
	n := 0
	for _, t := range b.Targets {
		if t != engine.Ignore {
			n++
		}
	}
	return n
}
