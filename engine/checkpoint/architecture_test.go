package checkpoint

import (
	"errors"
	"os"
	"strings"
	"testing"

	"daybook/engine"
)

// families are config.json as transformers writes it; see engine/model/testdata.
const families = "../model/testdata/architectures/"

func readFamily(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(families + name + "/base/config.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestArchitectures(t *testing.T) {
	base := engine.Shape{
		Vocab: 61, Hidden: 32, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 8, Intermediate: 48, NormEps: 1e-6, MaxPositions: 64, RopeTheta: 1e6,
	}
	llama, mistral, qwen2, qwen3 := base, base, base, base
	llama.NormEps, llama.RopeTheta, llama.TiedHead = 1e-5, 500000, true
	mistral.NormEps, mistral.RopeTheta, mistral.Window = 1e-5, 10000, 6
	qwen2.TiedHead, qwen2.QKVBias = true, true
	qwen3.HeadDim, qwen3.HeadNorm, qwen3.Window = 16, true, 9
	for name, want := range map[string]engine.Shape{"llama": llama, "mistral": mistral, "qwen2": qwen2, "qwen3": qwen3} {
		if got, err := parseShape([]byte(readFamily(t, name))); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, want)
		}
	}
}

func TestArchitectureKeys(t *testing.T) {
	const full, sliding = `"full_attention",
    "full_attention"`, `"sliding_attention",
    "sliding_attention"`
	for _, c := range []struct {
		family string
		edits  []string // old, new, ...
		window int
		key    string // "" means fine
	}{
		{"mistral", []string{`"sliding_window": 6`, `"sliding_window": null`}, 0, ""},
		{"mistral", []string{`"sliding_window": 6`, `"x": null`}, 0, "sliding_window"}, // the default would be 4096
		{"mistral", []string{`"sliding_window": 6`, `"sliding_window": 0`}, 0, "sliding_window"},
		{"mistral", []string{`"num_key_value_heads": 2`, `"num_key_value_heads": null`}, 0, "num_key_value_heads"},
		{"mistral", []string{`"use_cache": true`, `"attention_bias": true`}, 0, "attention_bias"},
		{"mistral", []string{`"use_cache": true`, `"layer_types": ["full_attention", "full_attention"]`}, 0, "layer_types"},
		{"qwen2", []string{`"sliding_window": null`, `"sliding_window": 131072`}, 0, ""}, // not in use
		{"qwen2", []string{`"use_sliding_window": false`, `"use_sliding_window": true`}, 0, "sliding_window"},
		{"qwen2", []string{`"use_sliding_window": false`, `"use_sliding_window": true`, `"sliding_window": null`, `"sliding_window": 8`}, 0, ""},
		{"qwen2", []string{full, sliding}, 0, "layer_types"},
		{"qwen2", []string{`"num_key_value_heads": 2`, `"x": false`}, 0, "num_key_value_heads"},
		{"qwen2", []string{`"use_cache": true`, `"attention_bias": true`}, 0, "attention_bias"},
		{"qwen3", []string{`"sliding_attention"`, `"full_attention"`}, 0, "layer_types"},
		{"qwen3", []string{sliding, full}, 0, ""},
		{"qwen3", []string{"\"layer_types\": [\n    " + sliding + "\n  ]", `"layer_types": null`}, 9, ""},
		{"qwen3", []string{"\"layer_types\": [\n    " + sliding + "\n  ]", `"layer_types": null`, `"max_window_layers": 0`, `"max_window_layers": 1`}, 0, "max_window_layers"},
		{"qwen3", []string{"\"layer_types\": [\n    " + sliding + "\n  ]", `"layer_types": null`, `"max_window_layers": 0`, `"max_window_layers": 2`}, 0, ""},
		{"qwen3", []string{"\"layer_types\": [\n    " + sliding + "\n  ]", `"layer_types": null`, `"max_window_layers": 0`, `"x": null`}, 0, "max_window_layers"},
		{"qwen3", []string{`"attention_bias": false`, `"attention_bias": true`}, 0, "attention_bias"},
		{"qwen3", []string{`"head_dim": 16`, `"x": false`}, 0, "head_dim"}, // the default would be 128
		{"qwen3", []string{`"use_cache": true`, `"num_experts": 8`}, 0, "num_experts"},
	} {
		text := readFamily(t, c.family)
		for i := 0; i < len(c.edits); i += 2 {
			if !strings.Contains(text, c.edits[i]) {
				t.Fatalf("%s has no %s", c.family, c.edits[i])
			}
			text = strings.Replace(text, c.edits[i], c.edits[i+1], 1)
		}
		s, err := parseShape([]byte(text))
		var e *ConfigError
		switch {
		case c.key == "" && (err != nil || s.Window != c.window):
			t.Errorf("%s, %q: window %d, %v, want %d", c.family, c.edits, s.Window, err, c.window)
		case c.key != "" && (!errors.As(err, &e) || e.Key != c.key):
			t.Errorf("%s, %q: error %v, want one about %s", c.family, c.edits, err, c.key)
		}
	}
}

func TestUnknownArchitecture(t *testing.T) {
	text := strings.Replace(readFamily(t, "llama"), "LlamaForCausalLM", "Gemma2ForCausalLM", 1)
	_, err := parseShape([]byte(text))
	if want := `architectures: ["Gemma2ForCausalLM"] is not supported (Daybook has LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM)`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	text = strings.Replace(readFamily(t, "llama"), `"use_cache": true`, `"auto_map": {"AutoModelForCausalLM": "modeling.Model"}`, 1)
	if _, err := parseShape([]byte(text)); !errors.Is(err, ErrRemoteCode) {
		t.Errorf("auto_map: %v", err)
	}
}
