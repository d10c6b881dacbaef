package reference

import (
	"fmt"
	"math"
	"testing"

	"daybook/engine"
	"daybook/engine/backendtest/fixture"
	"daybook/engine/nf4"
)

// The fixture's shape, from its config.json.
var parityShape = engine.Shape{
	Vocab: 97, Hidden: 64, Layers: 3, Heads: 4, KVHeads: 2, HeadDim: 16, Intermediate: 128,
	RopeTheta: 20000, NormEps: 1e-5, MaxPositions: 128,
}

const parity = "../../model/testdata/parity/"

// tolerance of float32 results of PyTorch against float64: norms of sums of
// about a hundred terms through three layers.
const tolerance = 2e-6

func parityName(layer int, p engine.Projection) string {
	return fmt.Sprintf("model.layers.%d.%s.%s", layer, p.Module(), p)
}

func parityModel(t *testing.T, quantized, adapted bool) *Model {
	t.Helper()
	base := fixture.Read(t, parity+"base/model.safetensors")
	pairs := fixture.Read(t, parity+"adapter/adapter_model.safetensors")
	s := parityShape
	w := &engine.HostWeights{
		Shape:     s,
		Embedding: engine.Matrix{Rows: s.Vocab, Cols: s.Hidden, F32: base.F32(t, "model.embed_tokens.weight")},
		Norm:      base.F32(t, "model.norm.weight"),
		Head:      engine.Matrix{Rows: s.Vocab, Cols: s.Hidden, F32: base.F32(t, "lm_head.weight")},
	}
	a := &engine.HostAdapter{LoRA: engine.LoRA{Rank: 4, Alpha: 8}}
	for i := range s.Layers {
		l := engine.HostLayer{
			AttentionNorm: base.F32(t, fmt.Sprintf("model.layers.%d.input_layernorm.weight", i)),
			MLPNorm:       base.F32(t, fmt.Sprintf("model.layers.%d.post_attention_layernorm.weight", i)),
		}
		var al engine.HostAdapterLayer
		for p := range engine.NumProjections {
			rows, cols := p.Dims(s)
			m := engine.Matrix{Rows: rows, Cols: cols, F32: base.F32(t, parityName(i, p)+".weight")}
			if quantized {
				m.NF4, m.F32 = nf4.Quantize(m.F32, true), nil
			}
			l.Proj[p] = m
			al.A[p] = pairs.F32(t, "base_model.model."+parityName(i, p)+".lora_A.weight")
			al.B[p] = pairs.F32(t, "base_model.model."+parityName(i, p)+".lora_B.weight")
		}
		w.Layers = append(w.Layers, l)
		a.Layers = append(a.Layers, al)
	}
	if !adapted {
		a = nil
	}
	return NewModel(w, a, engine.Dropout{})
}

func parityBatch(t *testing.T, f fixture.File) *engine.Batch {
	t.Helper()
	tokens, targets, starts := f.I32(t, "tokens"), f.I32(t, "targets"), f.I32(t, "starts")
	b := &engine.Batch{}
	for d := range len(starts) - 1 {
		b.Add(tokens[starts[d]:starts[d+1]], targets[starts[d]:starts[d+1]], 0)
	}
	return b
}

func compare(t *testing.T, name string, got []float64, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", name, len(got), len(want))
	}
	var diff, size float64
	for i, w := range want {
		diff += (got[i] - float64(w)) * (got[i] - float64(w))
		size += float64(w) * float64(w)
	}
	if rel := math.Sqrt(diff / size); !(rel < tolerance) {
		t.Errorf("%s: differs by %.2g, want below %g", name, rel, tolerance)
	} else {
		t.Logf("%s: differs by %.2g", name, rel)
	}
}

func TestLogitsMatchTransformers(t *testing.T) {
	f := fixture.Read(t, parity+"batch.safetensors")
	b := parityBatch(t, f)
	for _, c := range []struct {
		name               string
		quantized, adapted bool
	}{{"base_logits", false, false}, {"logits", false, true}, {"nf4_logits", true, true}} {
		m := parityModel(t, c.quantized, c.adapted)
		acts := m.Forward(b)
		compare(t, c.name, m.Head.Logits(acts[len(acts)-1].Y), f.F32(t, c.name))
	}
}

func TestGradientsMatchPEFT(t *testing.T) {
	f := fixture.Read(t, parity+"batch.safetensors")
	b := parityBatch(t, f)
	m := parityModel(t, false, true)
	targets := 0
	for _, target := range b.Targets {
		if target != engine.Ignore {
			targets++
		}
	}
	nll, _ := m.Step(b, 1/float64(targets))
	compare(t, "nll", nll, f.F32(t, "nll"))
	want := f.F64(t, "loss")[0]
	if got := sum(nll) / float64(targets); math.Abs(got-want) > tolerance*want {
		t.Errorf("loss %.8f, want %.8f", got, want)
	}
	for i, l := range m.Layers {
		for p := range engine.NumProjections {
			name := "base_model.model." + parityName(i, p)
			compare(t, name+" A", l.Proj[p].LoRA.GradA, f.F32(t, "grad."+name+".lora_A.weight"))
			compare(t, name+" B", l.Proj[p].LoRA.GradB, f.F32(t, "grad."+name+".lora_B.weight"))
		}
	}
}
