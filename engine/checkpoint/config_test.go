package checkpoint

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestConfigKeys(t *testing.T) {
	data, err := os.ReadFile("testdata/tiny/config.json")
	if err != nil {
		t.Fatal(err)
	}
	base := string(data)
	plain, err := parseShape(data)
	if err != nil {
		t.Fatal(err)
	}
	const theta = `"rope_parameters": {
    "rope_theta": 10000.0,
    "rope_type": "default"
  }`
	for _, c := range []struct{ old, text, key string }{ // key "" means fine
		{`"LlamaForCausalLM"`, `"Qwen3MoeForCausalLM"`, "architectures"},
		{`"LlamaForCausalLM"`, `"MistralForCausalLM"`, "model_type"},
		{`"LlamaForCausalLM"`, `"LlamaForCausalLM", "X"`, "architectures"},
		{`"architectures"`, `"x_architectures"`, "architectures"},
		{`"model_type": "llama"`, `"model_type": "mistral"`, "model_type"},
		{`"attention_bias": false`, `"attention_bias": true`, "attention_bias"},
		{`"attention_dropout": 0.0`, `"attention_dropout": 0.1`, "attention_dropout"},
		{`"mlp_bias": false`, `"mlp_bias": true`, "mlp_bias"},
		{`"hidden_act": "silu"`, `"hidden_act": "gelu"`, "hidden_act"},
		{`"pretraining_tp": 1`, `"pretraining_tp": 2`, "pretraining_tp"},
		{`"use_cache": true`, `"sliding_window": 4096`, "sliding_window"},
		{`"use_cache": true`, `"sliding_window": null`, ""},
		{`"use_cache": true`, `"partial_rotary_factor": 0.5`, "partial_rotary_factor"},
		{`"use_cache": true`, `"final_logit_softcapping": 30.0`, "final_logit_softcapping"},
		{`"use_cache": true`, `"unheard_of": 1`, "unheard_of"},
		{`"use_cache": true`, `"unheard_of": 0`, "unheard_of"},
		{`"use_cache": true`, `"unheard_of": "x"`, "unheard_of"},
		{`"use_cache": true`, `"unheard_of": null, "use_mrope": false, "pruned_heads": {}, "is_causal": true`, ""},
		{`"use_cache": true`, `"unheard_of": false`, "unheard_of"}, // which may be true where it is absent
		{`"use_cache": true`, `"unheard_of": {}`, "unheard_of"},
		{`"use_cache": true`, `"is_causal": null`, "is_causal"},
		{`"use_cache": true`, `"is_causal": 1`, "is_causal"},
		{`"use_cache": true`, `"use_sliding_window": true`, "use_sliding_window"},
		{`"use_cache": true`, `"max_window_layers": 2`, "max_window_layers"},
		{`"use_cache": true`, `"layer_types": ["full_attention", "full_attention"]`, ""},
		{`"use_cache": true`, `"layer_types": ["full_attention"]`, "layer_types"},
		{`"use_cache": true`, `"layer_types": ["full_attention", "linear_attention"]`, "layer_types"},
		{`"use_cache": true`, `"num_local_experts": 8`, "num_local_experts"},
		{`"use_cache": true`, `"rope_scaling": {"rope_type": "llama3", "factor": 8.0}`, "rope_scaling.low_freq_factor"},
		{`"use_cache": true`, `"rope_scaling": {"type": "linear", "factor": 2.0}`, "rope_scaling.type"},
		{`"use_cache": true`, `"rope_scaling": null`, ""},
		{`"use_cache": true`, `"rope_scaling": {"rope_type": "default"}`, ""}, // as rope_parameters has it
		{`"use_cache": true`, `"rope_scaling": {"rope_type": "default", "rope_theta": 7}`, "rope_parameters"},
		{`"use_cache": true`, `"rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 64}`, "rope_parameters"},
		{theta, `"rope_parameters": {"rope_theta": 7, "rope_type": "default"}, "rope_scaling": {"rope_type": "default"}`, "rope_parameters"}, // whose rope_theta transformers drops
		{theta, `"rope_parameters": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 64}, "rope_scaling": {"rope_type": "default"}`, "rope_parameters"},
		{`"use_cache": true`, `"rope_theta": 10000`, ""},
		{`"use_cache": true`, `"rope_theta": 500000.0`, "rope_parameters.rope_theta"},
		{`"rope_type": "default"`, `"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 1, "original_max_position_embeddings": 64`, "rope_parameters.high_freq_factor"},
		{`"rope_type": "default"`, `"rope_type": "llama3", "factor": 0.5, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 64`, "rope_parameters.factor"},
		{`"rope_type": "default"`, `"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 6.4`, "rope_parameters.original_max_position_embeddings"},
		{`"rope_type": "default"`, `"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 64, "beta_fast": 32`, "rope_parameters.beta_fast"},
		{`"rope_type": "default"`, `"rope_type": 3`, "rope_parameters.rope_type"},
		{`"rope_type": "default"`, `"rope_type": "yarn"`, "rope_parameters.rope_type"},
		{`"rope_type": "default"`, `"rope_type": "default", "factor": 2.0`, "rope_parameters.factor"},
		{`"rope_type": "default"`, `"rope_type": "default", "partial_rotary_factor": 0.5`, "rope_parameters.partial_rotary_factor"},
		{`"rope_theta": 10000.0`, `"rope_theta": -1`, "rope_parameters.rope_theta"},
		{theta, `"rope_parameters": 3`, "rope_parameters"},
		{theta, `"rope_theta": "x"`, "rope_theta"},
		{theta, `"torch_dtype": "bfloat16"`, ""},
		{`"vocab_size": 32`, `"vocab_size": 0`, "vocab_size"},
		{`"vocab_size": 32`, `"vocab_size": 1.5`, "vocab_size"},
		{`"vocab_size": 32`, `"vocab_size": 99999999999`, "vocab_size"},
		{`"vocab_size": 32`, `"x": 32`, "vocab_size"},
		{`"hidden_size": 16`, `"hidden_size": -16`, "hidden_size"},
		{`"rms_norm_eps": 1e-05`, `"rms_norm_eps": 0`, "rms_norm_eps"},
		{`"rms_norm_eps": 1e-05`, `"x": 0`, "rms_norm_eps"},
		{`"num_key_value_heads": 2`, `"num_key_value_heads": 3`, "num_key_value_heads"},
		{`"num_key_value_heads": 2`, `"num_key_value_heads": null`, ""},
		{`"head_dim": 4`, `"head_dim": 3`, "head_dim"},
		{`"head_dim": 4`, `"head_dim": null`, ""},
		{`"tie_word_embeddings": false`, `"tie_word_embeddings": "no"`, "tie_word_embeddings"},
	} {
		text := strings.Replace(base, c.old, c.text, 1)
		if text == base {
			t.Fatalf("config.json has no %s", c.old)
		}
		s, err := parseShape([]byte(text))
		var e *ConfigError
		switch {
		case c.key == "":
			if err != nil {
				t.Errorf("%s: %v", c.text, err)
			}
			if want := plain; s != want && !strings.Contains(c.text, "num_key_value_heads") {
				t.Errorf("%s: shape %+v, want %+v", c.text, s, want)
			}
		case !errors.As(err, &e) || e.Key != c.key:
			t.Errorf("%s: error %v, want one about %s", c.text, err, c.key)
		}
	}
}

func TestConfigBeforeTransformers5(t *testing.T) {
	s, err := parseShape([]byte(`{"architectures": ["LlamaForCausalLM"], "vocab_size": 10, "hidden_size": 12, "num_hidden_layers": 1,
		"num_attention_heads": 3, "intermediate_size": 7, "rms_norm_eps": 1e-6, "max_position_embeddings": 9, "rope_theta": 500000.0, "torch_dtype": "bfloat16"}`))
	if err != nil || s.RopeTheta != 500000 || s.HeadDim != 4 || s.KVHeads != 3 {
		t.Errorf("%+v, %v", s, err)
	}
	for text, want := range map[string]string{
		`"hidden_size": 13`: "hidden_size: 13: want a multiple of num_attention_heads 3",
		`"hidden_size": 15`: "num_attention_heads: 3: want heads of even width, not hidden_size/heads = 5",
	} {
		_, err := parseShape([]byte(`{"architectures": ["LlamaForCausalLM"], "vocab_size": 10, ` + text + `, "num_hidden_layers": 1,
			"num_attention_heads": 3, "intermediate_size": 7, "rms_norm_eps": 1e-6, "max_position_embeddings": 9}`))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
}

func FuzzConfig(f *testing.F) {
	for _, name := range []string{"testdata/tiny", "testdata/half", families + "mistral/base", families + "qwen2/base", families + "qwen3/base"} {
		data, err := os.ReadFile(name + "/config.json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"architectures": ["LlamaForCausalLM"], "rope_parameters": {"rope_theta": 1e999}, "head_dim": 2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := parseShape(data); err == nil {
			if s.Heads%s.KVHeads != 0 || s.HeadDim%2 != 0 || min(s.Vocab, s.Hidden, s.Layers, s.HeadDim, s.Intermediate, s.MaxPositions) < 1 || s.RopeTheta <= 0 || s.Window < 0 {
				t.Errorf("accepted %+v", s)
			}
		}
	})
}
