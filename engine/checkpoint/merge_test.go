package checkpoint

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"daybook/engine"
	"daybook/engine/nf4"
)

// A base that bitsandbytes has quantized is merged into what it is dequantized to, and
// the result is quantized no more.
func TestMergePacked(t *testing.T) {
	for _, c := range []struct {
		dir string
		q   Quantization
	}{{"packed", Quantization{Kind: "nf4", DoubleQuant: true}}, {"packed-plain", Quantization{Kind: "nf4"}}} {
		b := open(t, "testdata/"+c.dir)
		s := b.Shape()
		a := engine.NewHostAdapter(s, engine.LoRA{Rank: 2, Alpha: 3, Targets: []engine.Projection{engine.V}}, 1)
		for i := range a.Layers {
			for j := range a.Layers[i].B[engine.V] {
				a.Layers[i].B[engine.V][j] = float32(j%5) - 2
			}
		}
		dir := t.TempDir()
		m, err := b.Merge(t.Context(), dir, a, MergeOptions{Quantization: c.q, Dequantized: true, DType: F32, MaxShard: 1 << 30, Name: "merged"})
		if err != nil {
			t.Fatal(err)
		}
		if m.All.Quantization != nil || m.All.Adapter == 0 {
			t.Errorf("differences %+v", m.All)
		}
		merged := open(t, dir)
		if merged.Quantized() != nil || len(merged.Types()) != 1 {
			t.Errorf("quantized %v, types %v", merged.Quantized(), merged.Types())
		}
		if config, err := os.ReadFile(filepath.Join(dir, configFile)); err != nil || strings.Contains(string(config), "quantization_config") {
			t.Errorf("config %s, %v", config, err)
		}
		want, err := b.Load(t.Context(), c.q, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := merged.Load(t.Context(), Quantization{Kind: "none"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got.Layers {
			for p := range engine.NumProjections {
				rows, cols := p.Dims(s)
				exact := make([]float32, rows*cols)
				nf4.Dequantize(exact, want.Layers[i].Proj[p].NF4)
				if p == engine.V {
					for r := range rows {
						for k := range cols {
							d := 0.0
							for j := range 2 {
								d += float64(a.Layers[i].B[p][2*r+j]) * float64(a.Layers[i].A[p][j*cols+k])
							}
							exact[r*cols+k] += float32(d * 1.5)
						}
					}
				}
				for j, x := range got.Layers[i].Proj[p].F32 {
					if math.Abs(float64(x-exact[j])) > 1e-6 || p != engine.V && x != exact[j] {
						t.Fatalf("layer %d, %s, element %d: %g, want %g", i, p, j, x, exact[j])
					}
				}
			}
		}
		_, err = b.Merge(t.Context(), t.TempDir(), a, MergeOptions{Quantization: c.q, MaxShard: 1})
		if err == nil || !strings.Contains(err.Error(), "its own weights are in NF4") {
			t.Errorf("%s: into its own weights: %v", c.dir, err)
		}
	}
}

func TestMergeRefuses(t *testing.T) {
	a, _ := readTiny(t)
	b := open(t, "testdata/tiny")
	_, err := b.Merge(t.Context(), t.TempDir(), a, MergeOptions{Quantization: Quantization{Kind: "none"}, Dequantized: true, MaxShard: 1})
	if !errors.Is(err, ErrNotQuantized) {
		t.Errorf("nothing to dequantize: %v", err)
	}
	a.Layers[1].B[engine.Up][3] = 1e30
	_, err = b.Merge(t.Context(), t.TempDir(), a, MergeOptions{Quantization: Quantization{Kind: "none"}, DType: F16, MaxShard: 1 << 30})
	if err == nil || !strings.Contains(err.Error(), `tensor "model.layers.1.mlp.up_proj.weight": `) || !strings.Contains(err.Error(), "is more than F16 holds") {
		t.Errorf("overflow: %v", err)
	}
}

// What the files of a base call its type, and keys that nobody here knows, come along.
func TestMergedConfig(t *testing.T) {
	const before = `{"architectures": ["X"], "torch_dtype": "float16", "quantization_config": {"load_in_4bit": true}, "eps": 1e-05, "dtype": "x"}`
	got, err := mergedConfig([]byte(before), BF16, `a "b"`)
	want := "{\n  \"architectures\": [\n    \"X\"\n  ],\n  \"torch_dtype\": \"bfloat16\",\n  \"eps\": 1e-05,\n  \"dtype\": \"bfloat16\",\n  \"_name_or_path\": \"a \\\"b\\\"\"\n}\n"
	if err != nil || string(got) != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
	if got, err := mergedConfig([]byte(`{"_name_or_path": "x"}`), F32, "y"); err != nil || string(got) != "{\n  \"_name_or_path\": \"y\",\n  \"torch_dtype\": \"float32\"\n}\n" {
		t.Errorf("%s, %v", got, err)
	}
}

// A tensor that is larger than a file may be has one for itself.
func TestPlanShards(t *testing.T) {
	tensors := map[string]Info{}
	names := []string{"a", "b", "c", "d", "e"}
	for i, n := range []int{10, 20, 100, 5, 30} {
		tensors[names[i]] = Info{DType: F16, Shape: []int{n}}
	}
	var got []string
	for _, s := range planShards(names, tensors, 70) {
		got = append(got, s.name+" "+strings.Join(sortedKeys(s.tensors), ""))
	}
	want := []string{"model-00001-of-00003.safetensors ab", "model-00002-of-00003.safetensors c", "model-00003-of-00003.safetensors de"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
