package checkpoint

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"daybook/engine"
)

var update = flag.Bool("update", false, "write golden files")

func readTiny(t *testing.T) (*engine.HostAdapter, engine.Shape) {
	t.Helper()
	s := open(t, "testdata/tiny").Shape()
	a, err := ReadAdapter("testdata/adapter", s)
	if err != nil {
		t.Fatal(err)
	}
	return a, s
}

func TestReadAdapterOfPEFT(t *testing.T) {
	a, s := readTiny(t)
	all := []engine.Projection{engine.Q, engine.K, engine.V, engine.O, engine.Gate, engine.Up, engine.Down}
	want := engine.LoRA{Rank: 4, Alpha: 8, Dropout: 0.05, Targets: all, RSLoRA: true}
	if !reflect.DeepEqual(a.LoRA, want) {
		t.Errorf("%+v, want %+v", a.LoRA, want)
	}
	got := map[string]string{}
	for i, l := range a.Layers {
		for p := range engine.NumProjections {
			rows, cols := p.Dims(s)
			got[engine.ParameterName(i, p, "A")] = sum([]int{4, cols}, l.A[p])
			got[engine.ParameterName(i, p, "B")] = sum([]int{rows, 4}, l.B[p])
		}
	}
	if sums := readSums(t, "adapter"); !reflect.DeepEqual(got, sums) {
		t.Errorf("tensors %v, want %v", got, sums)
	}
}

// PEFT loads testdata/written and gives the logits of testdata/adapter:
// testdata/make_fixtures.py checks that.
func TestWrittenAdapter(t *testing.T) {
	a, s := readTiny(t)
	dir := t.TempDir()
	if *update {
		dir = "testdata/written"
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteAdapter(dir, a, AdapterInfo{BaseModel: "tiny", Revision: "main"}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{adapterFile, adapterWeights} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join("testdata/written", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs from the one that PEFT was shown to load", name)
		}
	}
	back, err := ReadAdapter(dir, s)
	if err != nil || !reflect.DeepEqual(back, a) {
		t.Errorf("read back another adapter, %v", err)
	}
	if _, info, err := ReadAdapterConfig(dir, s); err != nil || info != (AdapterInfo{BaseModel: "tiny", Revision: "main"}) {
		t.Errorf("info %+v, %v", info, err)
	}
	if x, err := os.ReadFile("testdata/adapter/" + adapterWeights); err != nil {
		t.Fatal(err)
	} else if y, err := os.ReadFile("testdata/written/" + adapterWeights); err != nil || !bytes.Equal(x, y) {
		t.Errorf("the weights differ from PEFT's file, %v", err)
	}
}

func TestAdapterDigest(t *testing.T) {
	// cd testdata/written; sha256sum adapter_config.json adapter_model.safetensors | sha256sum
	d, err := AdapterDigest("testdata/written")
	if err != nil {
		t.Fatal(err)
	}
	f := copyOf(t, "written")
	f.write("README.md", "a card is no part of the identity")
	if e, err := AdapterDigest(f.dir); err != nil || e != d {
		t.Errorf("a copy has digest %x, %v, want %x", e, err, d)
	}
	f.edit(adapterFile, `"lora_alpha": 8`, `"lora_alpha": 9`)
	if e, err := AdapterDigest(f.dir); err != nil || e == d {
		t.Errorf("another alpha, the same digest, %v", err)
	}
	f.remove(adapterWeights)
	if _, err := AdapterDigest(f.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing weights: %v", err)
	}
}

func TestBadAdapters(t *testing.T) {
	const q = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
	tensors := func(change func(map[string]Tensor)) func(spoiler) {
		return func(s spoiler) { s.tensors(adapterWeights, change) }
	}
	config := func(old, text string) func(spoiler) {
		return func(s spoiler) { s.edit(adapterFile, old, text) }
	}
	for _, c := range []struct {
		name  string
		spoil func(s spoiler)
		want  string
	}{
		{"missing tensor", tensors(func(m map[string]Tensor) { delete(m, q) }), `adapter_model.safetensors: tensor "` + q + `": missing, want shape [4 16]`},
		{"unknown tensor", tensors(func(m map[string]Tensor) {
			m["base_model.model.model.layers.2.mlp.up_proj.lora_A.weight"] = NewF32([]int{4, 16}, make([]float32, 64))
		}), `tensor "base_model.model.model.layers.2.mlp.up_proj.lora_A.weight": unexpected, F32 of shape [4 16], which no adapted module has`},
		{"misnamed tensor", tensors(func(m map[string]Tensor) {
			m[strings.Replace(q, "lora_A.weight", "lora_A.default.weight", 1)] = m[q]
			delete(m, q)
		}), `tensor "` + q + `": missing`},
		{"magnitude vector", tensors(func(m map[string]Tensor) {
			m[strings.Replace(q, "lora_A.weight", "lora_magnitude_vector", 1)] = NewF32([]int{16}, make([]float32, 16))
		}), "lora_magnitude_vector"},
		{"transposed", tensors(func(m map[string]Tensor) { m[q] = NewF32([]int{16, 4}, make([]float32, 64)) }), `F32 of shape [16 4], want shape [4 16]`},
		{"integers", tensors(func(m map[string]Tensor) { m[q] = Tensor{DType: U8, Shape: []int{4, 16}, Data: make([]byte, 64)} }), "dtype U8 cannot hold weights"},
		{"not finite", tensors(func(m map[string]Tensor) {
			bad := make([]float32, 64)
			bad[7] = float32(math.NaN())
			m[q] = NewF32([]int{4, 16}, bad)
		}), `element 7 is NaN: value is not finite`},
		{"no weights", func(s spoiler) { s.remove(adapterWeights) }, "adapter_model.safetensors: no such file"},
		{"pickle", func(s spoiler) {
			s.remove(adapterWeights)
			s.write("adapter_model.bin", "x")
		}, "adapter_model.bin: pickle weights are refused"},
		{"no config", func(s spoiler) { s.remove(adapterFile) }, "adapter_config.json: no such file"},
		{"config no json", func(s spoiler) { s.write(adapterFile, "x") }, "adapter_config.json: invalid character"},
		{"unknown key", config(`"qalora_group_size"`, `"qalora_sizes"`), "qalora_sizes: 16 is not supported (Daybook has no such key)"},
		{"dora", config(`"use_dora": false`, `"use_dora": true`), "use_dora: true is not supported (Daybook has false: DoRA scales each row of a weight by a norm that the adapter changes"},
		{"bias", config(`"bias": "none"`, `"bias": "all"`), `bias: "all"`},
		{"pissa", config(`"init_lora_weights": true`, `"init_lora_weights": "pissa"`), `init_lora_weights: "pissa"`},
		{"rank pattern", config(`"rank_pattern": {}`, `"rank_pattern": {"q_proj": 8}`), `rank_pattern: {"q_proj": 8} is not supported (Daybook has one rank for all modules; model.layers.0.self_attn.k_proj has 4, others 8)`},
		{"alpha pattern", config(`"alpha_pattern": {}`, `"alpha_pattern": {"q_proj": 9}`), "alpha_pattern"},
		{"modules to save", config(`"modules_to_save": null`, `"modules_to_save": ["lm_head"]`), `modules_to_save: ["lm_head"]`},
		{"some layers", config(`"layers_to_transform": null`, `"layers_to_transform": [0]`), "layers_to_transform: [0] is not supported (Daybook has a projection in every layer or in none; of the base's 2 layers it adapts q_proj in 1)"},
		{"other type", config(`"peft_type": "LORA"`, `"peft_type": "IA3"`), `peft_type: "IA3"`},
		{"task", config(`"task_type": "CAUSAL_LM"`, `"task_type": "SEQ_CLS"`), "task_type"},
		{"rank missing", config(`"r": 4,`, ``), "r: missing, want a whole number"},
		{"alpha missing", config(`"lora_alpha": 8,`, ``), "lora_alpha: missing"},
		{"dropout missing", config(`"lora_dropout": 0.05,`, ``), "lora_dropout: missing"},
		{"rank 0", config(`"r": 4`, `"r": 0`), "r: 0: want a whole number from 1"},
		{"other rank", config(`"r": 4`, `"r": 8`), `F32 of shape [4 16], want shape [8 16]`},
		{"dropout 1", config(`"lora_dropout": 0.05`, `"lora_dropout": 1`), "lora_dropout: 1: want a number from 0"},
		{"alpha text", config(`"lora_alpha": 8`, `"lora_alpha": "8"`), `lora_alpha: "8": want a number`},
		{"unknown target", config(`"o_proj"`, `"lm_head"`), "it names lm_head"},
		{"target twice", config(`"o_proj"`, `"q_proj"`), `o_proj.lora_A.weight": unexpected`},
		{"targets text", config("\"target_modules\": [\n", "\"exclude_modules\": [\n"), "target_modules: missing"},
		{"fewer targets", config("\"o_proj\",\n", "\n"), "o_proj.lora_A.weight\": unexpected"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, shape := readTiny(t)
			s := copyOf(t, "adapter")
			c.spoil(s)
			_, err := ReadAdapter(s.dir, shape)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want one with %q", err, c.want)
			}
			if !strings.Contains(err.Error(), s.dir) {
				t.Errorf("%v does not name %s", err, s.dir)
			}
		})
	}
}

func TestWriteAdapterRefuses(t *testing.T) {
	a, _ := readTiny(t)
	a.Layers[1].B[engine.V] = nil
	if err := WriteAdapter(t.TempDir(), a, AdapterInfo{}); err == nil || !strings.Contains(err.Error(), "adapter of layer 1, v_proj") {
		t.Errorf("half a pair: %v", err)
	}
	a, _ = readTiny(t)
	if err := WriteAdapter(filepath.Join(t.TempDir(), "missing"), a, AdapterInfo{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing folder: %v", err)
	}
	a.LoRA.Rank = 0
	if err := WriteAdapter(t.TempDir(), a, AdapterInfo{}); err == nil || !strings.Contains(err.Error(), "adapter of rank 0") {
		t.Errorf("rank 0: %v", err)
	}
}

func TestPartialAdapter(t *testing.T) {
	_, s := readTiny(t)
	a := engine.NewHostAdapter(s, engine.LoRA{Rank: 2, Alpha: 3.5, Targets: []engine.Projection{engine.V, engine.Down}}, 1)
	dir := t.TempDir()
	if err := WriteAdapter(dir, a, AdapterInfo{}); err != nil {
		t.Fatal(err)
	}
	back, err := ReadAdapter(dir, s)
	if err != nil || !reflect.DeepEqual(back, a) {
		t.Errorf("read back another adapter: %v", err)
	}
	data, err := os.ReadFile(filepath.Join(dir, adapterFile))
	if err != nil || !strings.Contains(string(data), "\"lora_alpha\": 3.5") || !strings.Contains(string(data), "\"revision\": null") {
		t.Errorf("config %s, %v", data, err)
	}
}

// The counts of PEFT for all seven projections.
func TestParameterCounts(t *testing.T) {
	all := []engine.Projection{engine.Q, engine.K, engine.V, engine.O, engine.Gate, engine.Up, engine.Down}
	small := engine.Shape{Vocab: 128256, Hidden: 4096, Layers: 32, Heads: 32, KVHeads: 8, HeadDim: 128, Intermediate: 14336}
	large := engine.Shape{Vocab: 128256, Hidden: 8192, Layers: 80, Heads: 64, KVHeads: 8, HeadDim: 128, Intermediate: 28672}
	for _, c := range []struct {
		s          engine.Shape
		rank, want int
	}{{small, 16, 41_943_040}, {small, 64, 167_772_160}, {large, 16, 207_093_760}} {
		if got := (engine.LoRA{Rank: c.rank, Targets: all}).Parameters(c.s); got != c.want {
			t.Errorf("rank %d of %d layers: %d, want %d", c.rank, c.s.Layers, got, c.want)
		}
	}
	if got := CountParameters(small).Total(); got != 8_030_261_248 {
		t.Errorf("8B has %d", got)
	}
	if got := CountParameters(large).Total(); got != 70_553_706_496 {
		t.Errorf("70B has %d", got)
	}
	if !slices.IsSorted(all) {
		t.Error("the projections are out of order")
	}
}
