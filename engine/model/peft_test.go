package model

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"daybook/engine"
	"daybook/engine/backendtest/fixture"
	"daybook/engine/checkpoint"
	"daybook/engine/model/modeltest"
)

// TestPEFT has adapters that PEFT trained answer as there, and go on learning as
// there: testdata/make_peft.py.
func TestPEFT(t *testing.T) {
	for _, c := range []struct {
		name string
		lora engine.LoRA
	}{
		{"rslora", engine.LoRA{Rank: 3, Alpha: 5, RSLoRA: true, Targets: modeltest.AllLinear()}},
		{"half", engine.LoRA{Rank: 5, Alpha: 16, Targets: []engine.Projection{engine.Q, engine.V, engine.O}}},
		{"float16", engine.LoRA{Rank: 4, Alpha: 3, Targets: modeltest.AllLinear()}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := readParity(t, checkpoint.Quantization{Kind: "none"})
			dir := filepath.Join("testdata", "peft", c.name)
			a, err := checkpoint.ReadAdapter(filepath.Join(dir, "adapter"), p.shape)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := a.LoRA.Scale(), c.lora.Scale(); got != want || len(a.LoRA.Targets) != len(c.lora.Targets) {
				t.Fatalf("read %+v, want %+v", a.LoRA, c.lora)
			}
			p.adapter, p.o.LoRA, p.file = a, &a.LoRA, fixture.Read(t, filepath.Join(dir, "batch.safetensors"))
			m := p.open(t)
			got, err := m.Logits(p.batch)
			if err != nil {
				t.Fatal(err)
			}
			within(t, "logits", got, p.file.F32(t, "logits"), 1e-4)
			losses, g := backward(t, m, engine.Dropout{}, p.batch)
			if got, want := losses[0]/float64(targets(p.batch)), p.file.F64(t, "loss")[0]; math.Abs(got-want) > 1e-5 {
				t.Errorf("loss %v, want %v", got, want)
			}
			worst := 0.0
			for i := range g.Layers {
				for _, q := range a.LoRA.Targets {
					for half, x := range map[string][]float32{"A": g.Layers[i].A[q], "B": g.Layers[i].B[q]} {
						worst = max(worst, difference(x, p.file.F32(t, "grad."+engine.ParameterName(i, q, half))))
					}
				}
			}
			if !(worst <= 1e-3) {
				t.Errorf("gradients differ by %.1e", worst)
			}
			t.Logf("gradients differ by at most %.1e", worst)
		})
	}
}

// TestPeers has transformers and PEFT load what is written here.
func TestPeers(t *testing.T) {
	p := readParity(t, checkpoint.Quantization{Kind: "none"})
	dir := t.TempDir()
	l := engine.LoRA{Rank: 3, Alpha: 4, RSLoRA: true, Targets: modeltest.AllLinear()}
	p.adapter = modeltest.Adapter(p.shape, l, 5)
	p.o.LoRA = &l
	if err := checkpoint.WriteAdapter(dir, p.adapter, checkpoint.AdapterInfo{BaseModel: "parity-base"}); err != nil {
		t.Fatal(err)
	}
	p.askPeers(t, p.logits(t), filepath.Join("testdata", "parity", "base"), dir)
}

func (p parity) logits(t *testing.T) []float32 {
	t.Helper()
	got, err := p.open(t).Logits(p.batch)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// pythonVariable names a Python that has transformers and PEFT.
const pythonVariable = "DAYBOOK_TEST_PYTHON"

// askPeers compares logits on the fixture's batch with those of transformers and PEFT.
func (p parity) askPeers(t *testing.T, logits []float32, args ...string) {
	t.Helper()
	python := os.Getenv(pythonVariable)
	if python == "" {
		t.Skipf("%s names no Python with the packages of testdata/peers.py", pythonVariable)
	}
	expected := filepath.Join(t.TempDir(), "expected.safetensors")
	words := func(v []int32) checkpoint.Tensor {
		x := checkpoint.Tensor{DType: "I32", Shape: []int{len(v)}}
		for _, w := range v {
			x.Data = binary.LittleEndian.AppendUint32(x.Data, uint32(w))
		}
		return x
	}
	err := checkpoint.WriteFile(expected, checkpoint.Contents{Tensors: map[string]checkpoint.Tensor{
		"tokens": words(p.batch.Tokens), "starts": words(p.batch.Starts),
		"logits": checkpoint.NewF32([]int{len(logits) / p.shape.Vocab, p.shape.Vocab}, logits),
	}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), python, append([]string{"testdata/peers.py", expected}, args...)...).CombinedOutput()
	const absent = 77 // by the script
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == absent {
		t.Skipf("%s: %s", python, out)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
