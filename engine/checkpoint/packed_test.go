package checkpoint

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"daybook/engine"
	"daybook/engine/nf4"
)

// packed are the bases of testdata/make_packed.py.
var packed = map[string]Quantization{
	"packed":       {Kind: "nf4", DoubleQuant: true},
	"packed-plain": {Kind: "nf4"},
}

func load(t *testing.T, b *Base, q Quantization) *engine.HostWeights {
	t.Helper()
	w, err := b.Load(t.Context(), q, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestPackedSameAsBitsandbytes(t *testing.T) {
	data, err := os.ReadFile("testdata/packed_sums.json")
	if err != nil {
		t.Fatal(err)
	}
	var sums map[string]map[string]string
	if err := json.Unmarshal(data, &sums); err != nil {
		t.Fatal(err)
	}
	for fixture, q := range packed {
		b := open(t, filepath.Join("testdata", fixture))
		if got := b.Quantized(); got == nil || *got != q {
			t.Errorf("%s: quantized as %v, want %v", fixture, got, q)
		}
		var last int64
		w, err := b.Load(t.Context(), q, func(done, _ int64) { last = done })
		if err != nil {
			t.Fatal(err)
		}
		if last != b.Parameters().Total() {
			t.Errorf("%s: progress ends at %d of %d", fixture, last, b.Parameters().Total())
		}
		checked := 0
		for p := range engine.NumProjections {
			m, name := w.Layers[0].Proj[p], projectionTensor(0, p)
			if m.NF4 == nil || (m.NF4.Scales != nil) != q.DoubleQuant {
				t.Fatalf("%s: %s is not as it was", fixture, name)
			}
			if err := nf4.Check(m.NF4, m.Rows*m.Cols); err != nil {
				t.Errorf("%s: %s: %v", fixture, name, err)
			}
			if got, want := sum([]int{m.Rows, m.Cols}, values(t, m)), sums[fixture][name]; got != want {
				t.Errorf("%s: %s: %s, bitsandbytes has %s", fixture, name, got, want)
			}
			checked++
			if bias := w.Layers[0].Bias[p]; bias != nil {
				if got, want := sum([]int{m.Rows}, bias), sums[fixture][biasTensor(0, p)]; got != want {
					t.Errorf("%s: bias of %s: %s, want %s", fixture, p, got, want)
				}
				checked++
			}
		}
		if got, want := sum([]int{w.Embedding.Rows, w.Embedding.Cols}, values(t, w.Embedding)), sums[fixture][embeddingName]; got != want {
			t.Errorf("%s: embedding: %s, want %s", fixture, got, want)
		}
		others := 4 // embedding and norms
		if !b.Shape().TiedHead {
			others++
		}
		if checked+others != len(sums[fixture]) {
			t.Errorf("%s: %d tensors compared, there are %d", fixture, checked+others, len(sums[fixture]))
		}
	}
}

// TestPackTensors writes what was read: the parts are those of the file.
func TestPackTensors(t *testing.T) {
	for fixture, q := range packed {
		dir := filepath.Join("testdata", fixture)
		w := load(t, open(t, dir), q)
		file, err := ReadFile(filepath.Join(dir, weightsFile))
		if err != nil {
			t.Fatal(err)
		}
		for p := range engine.NumProjections {
			parts := map[string]Tensor{}
			packTensors(parts, projectionTensor(0, p), w.Layers[0].Proj[p])
			for name, got := range parts {
				want := file.Tensors[name]
				if strings.HasSuffix(name, statePart) { // the type that the weight had is not kept
					for _, dtype := range []string{"bfloat16", "float16"} {
						text := strings.Replace(string(want.Data), dtype, "float32", 1)
						want = Tensor{DType: U8, Shape: []int{len(text)}, Data: []byte(text)}
					}
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%s: %s: got %s %q, want %s %q", fixture, name, describe(got.DType, got.Shape), got.Data[:9], describe(want.DType, want.Shape), want.Data[:9])
				}
			}
		}
	}
}

func TestPackedWantsItsQuantization(t *testing.T) {
	b := open(t, "testdata/packed")
	for _, q := range []Quantization{{Kind: "none"}, {Kind: "nf4"}} {
		_, err := b.Load(t.Context(), q, nil)
		var e *QuantizedError
		if !errors.As(err, &e) || !strings.Contains(e.Hint(), "base.quantization to 'nf4' and base.double_quant to true") {
			t.Errorf("%+v: error %v", q, err)
		}
	}
	if open(t, "testdata/tiny").Quantized() != nil {
		t.Error("a plain base is said to be quantized")
	}
}

func TestPackedConfig(t *testing.T) {
	for _, c := range []struct{ old, text, key string }{
		{`"bnb_4bit_quant_type": "nf4"`, `"bnb_4bit_quant_type": "fp4"`, "bnb_4bit_quant_type"},
		{`"bnb_4bit_quant_type": "nf4",`, ``, "bnb_4bit_quant_type"}, // the default is fp4
		{`"load_in_8bit": false`, `"load_in_8bit": true`, "load_in_8bit"},
		{`"load_in_4bit": true,
    "load`, `"load`, "load_in_4bit"},
		{`"quant_method": "bitsandbytes"`, `"quant_method": "gptq"`, "quant_method"},
		{`"bnb_4bit_quant_storage": "uint8"`, `"bnb_4bit_quant_storage": "bfloat16"`, "bnb_4bit_quant_storage"},
		{`"bnb_4bit_use_double_quant": true`, `"bnb_4bit_use_double_quant": 1`, "bnb_4bit_use_double_quant"},
		{`"llm_int8_threshold": 6.0`, `"rotation": "hadamard"`, "rotation"},
		{`"llm_int8_threshold": 6.0`, `"llm_int8_threshold": 5.0`, ""},
		{`"llm_int8_skip_modules": null`, `"llm_int8_skip_modules": ["lm_head"]`, ""},
	} {
		s := copyOf(t, "packed")
		s.edit(configFile, c.old, c.text)
		_, err := Open(s.dir)
		var e *ConfigError
		if c.key == "" && err != nil || c.key != "" && (!errors.As(err, &e) || e.Key != "quantization_config."+c.key) {
			t.Errorf("%s: error %v, want one about %q", c.text, err, c.key)
		}
	}
}

func TestBadPacked(t *testing.T) {
	q := projectionTensor(0, engine.Q)
	state := func(old, text string) func(map[string]Tensor) {
		return func(m map[string]Tensor) {
			data := strings.Replace(string(m[q+statePart].Data), old, text, 1)
			m[q+statePart] = Tensor{DType: U8, Shape: []int{len(data)}, Data: []byte(data)}
		}
	}
	for _, c := range []struct {
		name  string
		spoil func(m map[string]Tensor)
		want  string
	}{
		{"no scales", func(m map[string]Tensor) { delete(m, q+absmaxPart) }, `q_proj.weight.absmax": missing, want U8 of shape [64]`},
		{"plain scales", func(m map[string]Tensor) { m[q+absmaxPart] = NewF32([]int{64}, make([]float32, 64)) }, `absmax": F32 of shape [64], want U8 of shape [64]`},
		{"fewer scales", func(m map[string]Tensor) { m[q+nestedAbsmaxPart] = NewF32([]int{2}, make([]float32, 2)) }, `nested_absmax": F32 of shape [2], want F32 of shape [1]`},
		{"half the codes", func(m map[string]Tensor) { m[q] = Tensor{DType: U8, Shape: []int{1024, 1}, Data: make([]byte, 1024)} }, `q_proj.weight": U8 of shape [1024 1], want U8 of shape [2048 1]`},
		{"fp4", func(m map[string]Tensor) {
			m[strings.Replace(q+statePart, "nf4", "fp4", 1)] = m[q+statePart]
			delete(m, q+statePart)
		}, `bitsandbytes__nf4": missing`},
		{"other map", func(m map[string]Tensor) { m[q+mapPart] = NewF32([]int{16}, make([]float32, 16)) }, "quant_map: element 0 is 0, the map of bitsandbytes has -1"},
		{"other nested map", func(m map[string]Tensor) { m[q+nestedMapPart] = NewF32([]int{256}, make([]float32, 256)) }, "nested_quant_map: element 0"},
		{"fp4 inside", state(`"nf4"`, `"fp4"`), `quant_type "fp4": want nf4`},
		{"other blocks", state(`"blocksize": 64`, `"blocksize": 128`), "blocksize 128: want 64"},
		{"other groups", state(`"nested_blocksize": 256`, `"nested_blocksize": 64`), "nested_blocksize 64: want 256"},
		{"transposed", state(`[64, 64]`, `[32, 128]`), "shape [32 128]: want [64 64]"},
		{"no offset", state(`"nested_offset"`, `"nested_dtype"`), "quant_state.bitsandbytes__nf4"},
		{"huge offset", state(`"nested_offset": 0.`, `"nested_offset": 1e99, "dtype": "x0.`), "quant_state.bitsandbytes__nf4"},
		{"no JSON", state(`{`, `[`), "quant_state.bitsandbytes__nf4"},
		{"scale is not finite", func(m map[string]Tensor) {
			m[q+nestedAbsmaxPart] = Tensor{DType: F32, Shape: []int{1}, Data: []byte{0, 0, 0x80, 0x7f}}
		}, "nested_absmax: element 0 is +Inf"},
		{"a part too many", func(m map[string]Tensor) { m[q+".SCB"] = NewF32([]int{64}, make([]float32, 64)) }, `q_proj.weight.SCB": unexpected`},
	} {
		s := copyOf(t, "packed")
		s.tensors(weightsFile, c.spoil)
		b, err := Open(s.dir)
		if err == nil {
			_, err = b.Load(t.Context(), packed["packed"], nil)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), q) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
}

func FuzzQuantState(f *testing.F) {
	f.Add([]byte(`{"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [32, 32], "nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": 0.46}`), true)
	f.Add([]byte(`{"quant_type": "nf4", "blocksize": 64, "dtype": "float16", "shape": [32, 32]}`), false)
	f.Fuzz(func(t *testing.T, data []byte, double bool) {
		if s, err := parseQuantState(data, 32, 32, double); err == nil && (s.NestedOffset != nil) != double {
			t.Errorf("accepted %q as double %t", data, double)
		}
	})
}
