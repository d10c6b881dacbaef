package checkpoint

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"daybook/engine"
)

// ErrRemoteCode reports a base whose model is Python code that comes with it.
var ErrRemoteCode = errors.New("its model is code that comes with the weights (trust_remote_code), which is refused: daybook runs none; use a base of an architecture that transformers has itself")

// architecture is a family of decoders that the engine has, and how its
// configuration says what it does besides Llama. Keys that are absent from a
// configuration and whose default differs between families are required.
type architecture struct {
	name      string // in "architectures"
	modelType string
	keys      []string // that its configuration has beside those of all
	read      func(c *config, s *engine.Shape)
}

var architectures = []architecture{
	{"LlamaForCausalLM", "llama", []string{"attention_bias", "mlp_bias", "pretraining_tp", "layer_types", "sliding_window", "use_sliding_window"}, readLlama},
	{"MistralForCausalLM", "mistral", []string{"sliding_window", "attention_bias", "mlp_bias"}, readMistral},
	{"Qwen2ForCausalLM", "qwen2", slidingKeys, readQwen2},
	{"Qwen3ForCausalLM", "qwen3", append([]string{"attention_bias"}, slidingKeys...), readQwen3},
}

var slidingKeys = []string{"use_sliding_window", "sliding_window", "max_window_layers", "layer_types"}

func readLlama(c *config, s *engine.Shape) {
	c.only("attention_bias", "false")
	c.only("mlp_bias", "false")
	c.only("pretraining_tp", "1")
	c.only("sliding_window")
	c.only("use_sliding_window", "false")
	c.layerTypes(s)
}

func readMistral(c *config, s *engine.Shape) {
	c.only("attention_bias", "false")
	c.only("mlp_bias", "false")
	c.require("num_key_value_heads")
	if _, ok := c.members["sliding_window"]; !ok {
		c.fail("sliding_window", "a number of tokens, or null")
	}
	if c.has("sliding_window") {
		s.Window = c.size("sliding_window")
	}
}

func readQwen2(c *config, s *engine.Shape) {
	s.QKVBias = true
	c.require("num_key_value_heads")
	c.slidingLayers(s)
}

func readQwen3(c *config, s *engine.Shape) {
	s.HeadNorm = true
	c.only("attention_bias", "false")
	c.require("num_key_value_heads")
	c.require("head_dim")
	c.slidingLayers(s)
}

func (c *config) require(key string) {
	if !c.has(key) {
		c.fail(key, "a whole number")
	}
}

// slidingLayers reads the window of Qwen's layers from max_window_layers on, of
// which the engine has all or none.
func (c *config) slidingLayers(s *engine.Shape) {
	sliding := false
	c.get("use_sliding_window", &sliding, "true or false")
	if !sliding {
		c.layerTypes(s)
		return
	}
	s.Window = c.size("sliding_window")
	if !c.has("layer_types") {
		from := -1
		switch {
		case !c.get("max_window_layers", &from, "a whole number"):
			c.require("max_window_layers")
		case from >= s.Layers:
			s.Window = 0
		case from != 0:
			c.lacks("max_window_layers", fmt.Sprintf("0 or num_hidden_layers %d: a window in all layers or in none", s.Layers))
		}
		return
	}
	c.layerTypes(s)
}

// layerTypes reads layer_types, which says for each layer whether it has the
// window of s, and sets the window to 0 if none has.
func (c *config) layerTypes(s *engine.Shape) {
	var types []string
	if !c.get("layer_types", &types, "a list of texts") {
		return
	}
	const full, sliding = "full_attention", "sliding_attention"
	same := func(kind string) bool {
		return len(types) == s.Layers && !slices.ContainsFunc(types, func(t string) bool { return t != kind })
	}
	switch {
	case same(full):
		s.Window = 0
	case s.Window > 0 && same(sliding):
	case len(types) != s.Layers:
		c.fail("layer_types", fmt.Sprintf("one for each of num_hidden_layers %d", s.Layers))
	case s.Window > 0:
		c.lacks("layer_types", fmt.Sprintf("%d times %s or %d times %s: a window in all layers or in none", s.Layers, full, s.Layers, sliding))
	default:
		c.lacks("layer_types", fmt.Sprintf("%d times %s", s.Layers, full))
	}
}

// architecture returns the one that the configuration names.
func (c *config) architecture() (architecture, error) {
	if c.has("auto_map") {
		return architecture{}, fmt.Errorf("auto_map: %w", ErrRemoteCode)
	}
	var names []string
	for _, a := range architectures {
		names = append(names, a.name)
	}
	var got []string
	if !c.get("architectures", &got, "a list of one text") || len(got) != 1 || !slices.Contains(names, got[0]) {
		if c.err == nil && len(got) == 1 {
			c.lacks("architectures", strings.Join(names, ", "))
		}
		c.fail("architectures", "one of "+strings.Join(names, ", "))
		return architecture{}, c.err
	}
	a := architectures[slices.Index(names, got[0])]
	if kind := `"` + a.modelType + `"`; c.has("model_type") && c.value("model_type") != kind {
		c.fail("model_type", kind+", which is what "+a.name+" has")
	}
	return a, c.err
}

// readArchitecture returns the name of the architecture.
func readArchitecture(data []byte) (string, error) {
	c, err := parseConfig(data)
	if err != nil {
		return "", err
	}
	a, err := c.architecture()
	return a.name, err
}

// common are keys of every configuration that parseShape reads.
var common = []string{
	"architectures", "model_type", "hidden_act", "is_causal", "attention_dropout", "partial_rotary_factor", "quantization_config",
	"vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim",
	"intermediate_size", "rms_norm_eps", "max_position_embeddings", "tie_word_embeddings",
	"rope_theta", "rope_scaling", "rope_parameters",
}

// harmless are keys that say nothing about what a model computes from its tokens:
// notes, token IDs, how to generate, what to return.
var harmless = []string{
	"_name_or_path", "name_or_path", "_attn_implementation", "_attn_implementation_autoset", "attn_implementation", "_commit_hash",
	"transformers_version", "transformers.js_config", "torch_dtype", "dtype", "tokenizer_class", "is_llama_config", "max_sequence_length",
	"unsloth_fixed", "unsloth_version", "model_name", "license",
	"initializer_range", "use_cache", "gradient_checkpointing", "torchscript", "use_bfloat16", "tf_legacy_loss", "chunk_size_feed_forward",
	"return_dict", "return_dict_in_generate", "output_attentions", "output_hidden_states", "output_scores", "tie_last_hidden_states",
	"is_decoder", "is_encoder_decoder", "tie_encoder_decoder",
	"id2label", "label2id", "num_labels", "problem_type", "finetuning_task", "task_specific_params", "prefix",
	"bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "unk_token_id", "decoder_start_token_id",
	"forced_bos_token_id", "forced_eos_token_id", "begin_suppress_tokens", "suppress_tokens", "bad_words_ids",
	"max_length", "min_length", "max_new_tokens", "do_sample", "early_stopping", "num_beams", "num_beam_groups", "num_return_sequences",
	"temperature", "top_k", "top_p", "typical_p", "repetition_penalty", "length_penalty", "diversity_penalty",
	"no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "exponential_decay_length_penalty", "remove_invalid_values",
}

// switches are keys that many configurations have switched off, which says what
// their absence does. Other keys may be on by default, as is_causal is.
var switches = []string{
	"add_cross_attention", "attention_bias", "mlp_bias", "pruned_heads", "qk_layernorm", "rope_interleaved", "use_mla", "use_mrope",
	"use_qk_norm", "use_sliding_window",
}

// unknown fails on the first key that a has no meaning for, unless it is null or a
// switch that is off. transformers ignores most such keys, so that a base that needs
// one is not what it says it is; some it reads wherever they are; and what a key
// added one day does nobody can know here.
func (c *config) unknown(a architecture) {
	for _, key := range sortedKeys(c.members) {
		switch {
		case slices.Contains(common, key), slices.Contains(harmless, key), slices.Contains(a.keys, key):
		case slices.Contains(switches, key):
			c.only(key, "false", "{}", "[]")
		default:
			c.foreign(key)
		}
	}
}
