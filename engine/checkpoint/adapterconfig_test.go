package checkpoint

import (
	"encoding/json"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"daybook/engine"
	"daybook/engine/fuzztest"
)

// peftCase is one file of testdata/make_configs.py.
type peftCase struct {
	Config  json.RawMessage
	Modules map[string][2]float64 // rank and scale
}

func readPEFTCases(tb testing.TB) map[string]peftCase {
	tb.Helper()
	data, err := os.ReadFile("testdata/configs.json")
	if err != nil {
		tb.Fatal(err)
	}
	var cases map[string]peftCase
	if err := json.Unmarshal(data, &cases); err != nil {
		tb.Fatal(err)
	}
	return cases
}

// TestAdapterConfigsOfPEFT holds what is read from files that PEFT wrote to what PEFT
// itself makes of them, module by module, and names what is refused.
func TestAdapterConfigsOfPEFT(t *testing.T) {
	refused := map[string]string{
		"one layer by name":   "target_modules",
		"excluded in a layer": "target_modules",
		"some layers":         "layers_to_transform",
		"one layer":           "layers_to_transform",
		"rank of a module":    "rank_pattern",
		"rank of a layer":     "rank_pattern",
		"alpha of a module":   "alpha_pattern",
		"dora":                "use_dora",
		"pissa":               "init_lora_weights",
		"pissa by iteration":  "init_lora_weights",
		"olora":               "init_lora_weights",
		"bias":                "bias",
		"lora bias":           "lora_bias",
		"whole modules":       "modules_to_save",
		"tokens":              "trainable_token_indices",
		"replicated":          "layer_replication",
		"parameters":          "target_parameters",
		"activated":           "alora_invocation_tokens",
		"head":                "target_modules",
		"embedding":           "target_modules",
	}
	shape := open(t, "testdata/tiny").Shape()
	cases := readPEFTCases(t)
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		c := cases[name]
		t.Run(name, func(t *testing.T) {
			l, err := readSpec(c.Config, shape)
			if key := refused[name]; key != "" {
				if bad := (*ConfigError)(nil); !errors.As(err, &bad) || bad.Key != key {
					t.Errorf("error %v, want one about %s", err, key)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := map[string][2]float64{}
			for i := range shape.Layers {
				for _, p := range l.Targets {
					got[moduleName(i, p)] = [2]float64{float64(l.Rank), float64(l.Scale())}
				}
			}
			for module, want := range c.Modules {
				if got[module][0] != want[0] || math.Abs(got[module][1]-want[1]) > 1e-6 {
					t.Errorf("%s has rank and scale %v, want %v", module, got[module], want)
				}
			}
			if len(got) != len(c.Modules) {
				t.Errorf("%d modules, want %d", len(got), len(c.Modules))
			}
			if l.Dropout != 0.1 {
				t.Errorf("dropout %v", l.Dropout)
			}
		})
	}
}

func readSpec(data []byte, s engine.Shape) (engine.LoRA, error) {
	a, err := parseAdapterConfig(data)
	if err != nil {
		return engine.LoRA{}, err
	}
	return a.resolve(s)
}

// An adapter of 2023 has fewer keys: what they would say is PEFT's default.
func TestOldAdapterConfig(t *testing.T) {
	const old = `{"base_model_name_or_path": "tiny", "bias": "none", "enable_lora": null, "fan_in_fan_out": false, "inference_mode": true,
		"lora_alpha": 16, "lora_dropout": 0.05, "merge_weights": false, "modules_to_save": null, "peft_type": "LORA", "r": 8,
		"target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM"}`
	shape := open(t, "testdata/tiny").Shape()
	l, err := readSpec([]byte(old), shape)
	want := engine.LoRA{Rank: 8, Alpha: 16, Dropout: 0.05, Targets: []engine.Projection{engine.Q, engine.V}}
	if err != nil || !reflect.DeepEqual(l, want) {
		t.Errorf("%+v, %v, want %+v", l, err, want)
	}
	for _, c := range []struct{ old, text, want string }{
		{`["q_proj", "v_proj"]`, `"ALL-Linear"`, ""},
		{`["q_proj", "v_proj"]`, `".*[qv]_proj\\Z"`, ""},
		{`["q_proj", "v_proj"]`, `".*(?=q_proj)q_proj"`, `without lookaround and backreferences`},
		{`["q_proj", "v_proj"]`, `".*(proj"`, `want a regular expression`},
		{`["q_proj", "v_proj"]`, `"q_proj)|(?:.*"`, `want a regular expression`},
		{`["q_proj", "v_proj"]`, `"(.*q_proj|` + strings.Repeat("(abcdefgh){1000}", 20) + `)"`, `want expressions with fewer repetitions`},
		{`["q_proj", "v_proj"]`, `"query"`, `target_modules: "query": want a projection of the base: it names none`},
		{`["q_proj", "v_proj"]`, `[]`, `target_modules: []: want the modules`},
		{`["q_proj", "v_proj"]`, `null`, `target_modules: null: want the modules`},
		{`["q_proj", "v_proj"]`, `7`, `target_modules: 7: want a list of names or a regular expression`},
		{`"merge_weights": false`, `"merge_weights": true`, `merge_weights: true`},
		{`"merge_weights": false`, `"layers_pattern": "h"`, `layers_pattern: "h"`},
		{`"merge_weights": false`, `"layers_to_transform": [0, 1], "layers_pattern": "h"`, `layers_pattern: "h"`},
		{`"merge_weights": false`, `"layers_to_transform": "all"`, `layers_to_transform: "all": want a list of layers`},
		{`"merge_weights": false`, `"use_a_new_variant": null, "its_options": {}`, ``},
		{`"merge_weights": false`, `"use_a_new_variant": true`, `use_a_new_variant: true`},
		{`"merge_weights": false`, `"rank_pattern": {"q_proj": 2.5, "v_proj": 2.5}`, `rank_pattern: {"q_proj": 2.5, "v_proj": 2.5}: want whole numbers; "q_proj" has 2.5`},
		{`"merge_weights": false`, `"rank_pattern": {"q_proj": 0}`, `rank_pattern: {"q_proj": 0}: want an object of positive numbers`},
		{`"merge_weights": false`, `"rank_pattern": [2]`, `rank_pattern: [2]: want an object`},
		{`"merge_weights": false`, `"alpha_pattern": {"(": 2}`, `alpha_pattern: {"(": 2}: want a regular expression`},
	} {
		_, err := readSpec([]byte(strings.Replace(old, c.old, c.text, 1)), shape)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want %q", c.text, err, c.want)
		}
	}
}

func FuzzAdapterConfig(f *testing.F) {
	for _, dir := range []string{"adapter", "written"} {
		data, err := os.ReadFile(filepath.Join("testdata", dir, adapterFile))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, c := range readPEFTCases(f) {
		f.Add([]byte(c.Config))
	}
	f.Add([]byte(`{"r": 1, "lora_alpha": 1, "bias": "none", "lora_dropout": 0, "peft_type": "LORA", "target_modules": ".*", "rank_pattern": {"a{1000}(.(.{9}){9}){9}": 1, "b{999}": 2}}`))
	f.Add([]byte(`{"r": 1e9, "lora_alpha": 1e400, "target_modules": ["q_proj", null]}`))
	f.Add([]byte(`{"r": 1, "lora_alpha": 1, "bias": "none", "lora_dropout": 0, "peft_type": "LORA", "target_modules": "((.{9}){9}){9}|.*", "rank_pattern": {"q_proj": 1e300}}`))
	shape := engine.Shape{Vocab: 8, Hidden: 4, Layers: 3, Heads: 2, KVHeads: 1, HeadDim: 2, Intermediate: 4}
	f.Fuzz(func(t *testing.T, data []byte) {
		var spec *adapterSpec
		var l engine.LoRA
		var err error
		fuzztest.Bounded(t, 1<<20+1000*len(data)+400*maxStates, func() { // an instruction and its part of the parser take 400 bytes
			if spec, err = parseAdapterConfig(data); err == nil {
				l, err = spec.resolve(shape)
			}
		})
		if err != nil {
			return
		}
		if l.Rank < 1 || !(l.Alpha > 0) || !(l.Dropout >= 0 && l.Dropout < 1) || len(l.Targets) == 0 {
			t.Fatalf("%+v is no LoRA", l)
		}
		again, err := marshalAdapterConfig(l, spec.info)
		if err != nil {
			t.Fatal(err)
		}
		other, err := parseAdapterConfig(again)
		if err != nil {
			t.Fatal(err)
		}
		if m, err := other.resolve(shape); err != nil || other.info != spec.info || !reflect.DeepEqual(l, m) {
			t.Fatalf("%+v %+v became %+v %+v, %v", l, spec.info, m, other.info, err)
		}
	})
}
