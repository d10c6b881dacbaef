package model

import (
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"daybook/engine/backendtest/fixture"
	"daybook/engine/checkpoint"
)

var doubly = checkpoint.Quantization{Kind: "nf4", DoubleQuant: true}

// merge folds the fixture's adapter into its base, and opens the result.
func merge(t *testing.T, p parity, o checkpoint.MergeOptions) (string, *checkpoint.Base, *checkpoint.Merged) {
	t.Helper()
	base, err := checkpoint.Open(filepath.Join("testdata", "parity", "base"))
	if err != nil {
		t.Fatal(err)
	}
	if o.MaxShard == 0 {
		o.MaxShard = 1 << 30
	}
	dir := t.TempDir()
	m, err := base.Merge(t.Context(), dir, p.adapter, o)
	if err != nil {
		t.Fatal(err)
	}
	merged, err := checkpoint.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir, merged, m
}

// alone returns the fixture with another base and no adapter.
func (p parity) alone(t *testing.T, base *checkpoint.Base) parity {
	t.Helper()
	w, err := base.Load(t.Context(), checkpoint.Quantization{Kind: "none"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.weights, p.adapter, p.o = w, nil, Options{MaxTokens: 64, MaxDocuments: 8}
	return p
}

// A merged model gives the logits of its base with the adapter, held as it was in
// training, and the matrices that PEFT merges.
func TestMerge(t *testing.T) {
	peft := fixture.Read(t, filepath.Join("testdata", "peft", "merged.safetensors"))
	for _, c := range []struct {
		name      string
		o         checkpoint.MergeOptions
		held      checkpoint.Quantization
		tolerance float64 // of matrices: scales that the mean of another order gives differ in their last bits
	}{
		{"original", checkpoint.MergeOptions{Quantization: doubly, Name: "merged"}, checkpoint.Quantization{Kind: "none"}, 1e-6},
		{"dequantized", checkpoint.MergeOptions{Quantization: doubly, Dequantized: true, Name: "merged"}, doubly, 1e-5},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := readParity(t, c.held)
			dir, base, m := merge(t, p, c.o)
			got := p.alone(t, base).logits(t)
			within(t, "logits", got, p.logits(t), 1e-4)
			file, err := checkpoint.ReadFile(filepath.Join(dir, "model.safetensors"))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"model.layers.0.self_attn.q_proj.weight", "model.layers.2.mlp.down_proj.weight"} {
				values, err := file.Tensors[name].Float32()
				if err != nil {
					t.Fatal(err)
				}
				within(t, name, values, peft.F32(t, c.name+"."+name), c.tolerance)
			}
			if base.Name() != "merged" || base.Quantized() != nil {
				t.Errorf("name %q, quantized %v", base.Name(), base.Quantized())
			}
			if m.All.Rounding != 0 || m.All.Quantization == nil || *m.All.Quantization < .05 || *m.All.Quantization > .15 || m.All.Adapter < .01 {
				t.Errorf("differences %+v", m.All)
			}
			p.askPeers(t, got, dir)
		})
	}
}

// Shards, types and the order of work change nothing but what they should.
func TestMergeInParts(t *testing.T) {
	p := readParity(t, doubly)
	whole, base, m := merge(t, p, checkpoint.MergeOptions{Quantization: doubly, Dequantized: true})
	sharded, parts, n := merge(t, p, checkpoint.MergeOptions{Quantization: doubly, Dequantized: true, MaxShard: 100_000})
	if len(m.Files) != 1 || len(n.Files) < 4 || m.Bytes != n.Bytes || !slices.IsSorted(n.Files) {
		t.Errorf("files %v, %d bytes, and %v, %d bytes", m.Files, m.Bytes, n.Files, n.Bytes)
	}
	if _, err := os.Stat(filepath.Join(whole, "model.safetensors.index.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an index of one file: %v", err)
	}
	for _, name := range n.Files {
		if info, err := os.Stat(filepath.Join(sharded, name)); err != nil || info.Size() > 100_000+4096 {
			t.Errorf("%s: %v, %v", name, info.Size(), err)
		}
	}
	if a, b := p.alone(t, base).logits(t), p.alone(t, parts).logits(t); !slices.Equal(a, b) {
		t.Error("shards give other logits")
	}
	var x, y []byte
	for i := range m.Projections {
		x, y = append(x, marshal(t, m.Projections[i])...), append(y, marshal(t, n.Projections[i])...)
	}
	if string(x) != string(y) {
		t.Errorf("differences %s and %s", x, y)
	}
	p.askPeers(t, p.alone(t, parts).logits(t), sharded)
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestMergeTypes(t *testing.T) {
	p := readParity(t, doubly)
	exact := p.logits(t)
	for _, c := range []struct {
		d        checkpoint.DType
		config   string
		low, top float64 // of the relative rounding: 2^-9 and 2^-12, uniformly distributed
	}{{checkpoint.BF16, "bfloat16", 1e-3, 2e-3}, {checkpoint.F16, "float16", 1e-4, 3e-4}} {
		dir, base, m := merge(t, p, checkpoint.MergeOptions{Quantization: doubly, Dequantized: true, DType: c.d})
		if types := base.Types(); len(types) != 1 || types[0].Type != c.d || m.DType != c.d {
			t.Errorf("types %v", types)
		}
		if m.All.Rounding < c.low || m.All.Rounding > c.top {
			t.Errorf("%s: rounding %.1e", c.d, m.All.Rounding)
		}
		config, err := os.ReadFile(filepath.Join(dir, "config.json"))
		if err != nil || !strings.Contains(string(config), `dtype": "`+c.config+`"`) {
			t.Errorf("config %s, %v", config, err)
		}
		if d := relative(p.alone(t, base).logits(t), exact); d > 20*c.top {
			t.Errorf("%s: logits differ by %.1e", c.d, d)
		}
	}
}

func relative(got, want []float32) float64 {
	var d, n float64
	for i := range want {
		d += math.Pow(float64(got[i])-float64(want[i]), 2)
		n += math.Pow(float64(want[i]), 2)
	}
	return math.Sqrt(d / n)
}
