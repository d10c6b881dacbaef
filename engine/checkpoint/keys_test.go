package checkpoint

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"strings"
	"testing"
)

// effect is what becomes of a key of config.json that has another value.
type effect uint8

const (
	changes effect = iota // the shape: the engine has what it says
	refusal
	ignored // since it says nothing about what the model computes
)

// keyEffects has a value that a key may have in some other model, and its effect on
// the configurations of engine/model/testdata. A family's own is under family.key.
var keyEffects = map[string]struct {
	value  string
	effect effect
	named  string // by the error, where it is not the key
}{
	"vocab_size":                  {`77`, changes, ""},
	"hidden_size":                 {`64`, changes, ""},
	"intermediate_size":           {`96`, changes, ""},
	"num_hidden_layers":           {`3`, changes, ""},
	"qwen2.num_hidden_layers":     {`3`, refusal, "layer_types"}, // has two
	"qwen3.num_hidden_layers":     {`3`, refusal, "layer_types"},
	"num_attention_heads":         {`8`, changes, ""},
	"num_key_value_heads":         {`4`, changes, ""},
	"head_dim":                    {`12`, changes, ""},
	"rms_norm_eps":                {`0.5`, changes, ""},
	"max_position_embeddings":     {`99`, changes, ""},
	"rope_parameters":             {`{"rope_theta": 77, "rope_type": "default"}`, changes, ""},
	"rope_theta":                  {`77`, refusal, "rope_parameters.rope_theta"}, // says otherwise
	"tie_word_embeddings":         {`false`, changes, ""},
	"mistral.tie_word_embeddings": {`true`, changes, ""},
	"qwen3.tie_word_embeddings":   {`true`, changes, ""},

	"sliding_window":           {`5`, refusal, ""},
	"mistral.sliding_window":   {`5`, changes, ""},
	"qwen2.sliding_window":     {`5`, ignored, ""}, // not in use
	"qwen3.sliding_window":     {`5`, changes, ""},
	"use_sliding_window":       {`true`, refusal, ""},
	"qwen2.use_sliding_window": {`true`, refusal, "sliding_window"}, // which is null
	"qwen3.use_sliding_window": {`false`, refusal, "layer_types"},
	"max_window_layers":        {`1`, refusal, ""},
	"qwen2.max_window_layers":  {`1`, ignored, ""},
	"qwen3.max_window_layers":  {`1`, ignored, ""}, // layer_types says it, as for transformers
	"layer_types":              {`["full_attention", "sliding_attention"]`, refusal, ""},

	"architectures":         {`["MixtralForCausalLM"]`, refusal, ""},
	"model_type":            {`"mixtral"`, refusal, ""},
	"hidden_act":            {`"gelu"`, refusal, ""},
	"attention_dropout":     {`0.1`, refusal, ""},
	"attention_bias":        {`true`, refusal, ""},
	"mlp_bias":              {`true`, refusal, ""},
	"pretraining_tp":        {`2`, refusal, ""},
	"rope_scaling":          {`{"rope_type": "yarn", "factor": 2}`, refusal, "rope_scaling.rope_type"},
	"partial_rotary_factor": {`0.5`, refusal, ""},

	// What transformers reads of a configuration of any class, whose defaults are on or
	// differ from what these values say.
	"is_causal":                   {`false`, refusal, ""},
	"attention_chunk_size":        {`8`, refusal, ""},
	"kv_sharing_modes":            {`[]`, refusal, ""},
	"per_layer_config":            {`{}`, refusal, ""},
	"fusion_config":               {`{}`, refusal, ""},
	"transformers_weights":        {`"other.safetensors"`, refusal, ""},
	"distributed_config":          {`{}`, refusal, ""},
	"default_theta":               {`false`, refusal, ""},
	"is_heterogeneous":            {`false`, refusal, ""},
	"chain_hidden_post_norm":      {`false`, refusal, ""},
	"classifier_dropout":          {`0.1`, refusal, ""}, // of a head that is none here
	"hidden_dropout":              {`false`, refusal, ""},
	"token_classification_bias":   {`false`, refusal, ""},
	"mtp_hidden_states_first":     {`false`, refusal, ""},
	"logits_mup_width_multiplier": {`false`, refusal, ""},
	"unpadded_vocab_size":         {`false`, refusal, ""},
	"mtp_layer_types":             {`[]`, refusal, ""},
	"mlp_layer_types":             {`[]`, refusal, ""},
	"mtp_mlp_layer_types":         {`[]`, refusal, ""},
	"compile_config":              {`{}`, refusal, ""},
	"number_of_conv_states":       {`false`, refusal, ""},
	"num_mtp_layers":              {`false`, refusal, ""},
	"mtp_per_layer_config":        {`{}`, refusal, ""},
	"_rope_type_labels":           {`[]`, refusal, ""},

	// What many have, switched off.
	"add_cross_attention": {`false`, ignored, ""},
	"pruned_heads":        {`{}`, ignored, ""},
	"use_mrope":           {`false`, ignored, ""},
	"rope_interleaved":    {`true`, refusal, ""},

	// What other families and the models of some publishers have.
	"num_experts":              {`8`, refusal, ""},
	"num_local_experts":        {`8`, refusal, ""},
	"final_logit_softcapping":  {`30`, refusal, ""},
	"attn_logit_softcapping":   {`50`, refusal, ""},
	"query_pre_attn_scalar":    {`224`, refusal, ""},
	"attention_multiplier":     {`0.1`, refusal, ""},
	"embedding_multiplier":     {`12`, refusal, ""},
	"residual_multiplier":      {`0.2`, refusal, ""},
	"logits_scaling":           {`8`, refusal, ""},
	"logit_scale":              {`0.1`, refusal, ""},
	"no_rope_layers":           {`[1, 0]`, refusal, ""},
	"use_qk_norm":              {`true`, refusal, ""},
	"qk_layernorm":             {`true`, refusal, ""},
	"num_nextn_predict_layers": {`1`, refusal, ""},
	"use_mla":                  {`true`, refusal, ""},

	"_name_or_path":           {`"org/name"`, ignored, ""},
	"bos_token_id":            {`7`, ignored, ""},
	"eos_token_id":            {`[7, 8]`, ignored, ""},
	"pad_token_id":            {`7`, ignored, ""}, // a row of the embedding, which is frozen
	"sep_token_id":            {`7`, ignored, ""},
	"_attn_implementation":    {`"eager"`, ignored, ""},
	"name_or_path":            {`"org/name"`, ignored, ""},
	"num_labels":              {`3`, ignored, ""},
	"chunk_size_feed_forward": {`1`, ignored, ""}, // the same, piece by piece
	"dtype":                   {`"float16"`, ignored, ""},
	"torch_dtype":             {`"float16"`, ignored, ""},
	"gradient_checkpointing":  {`true`, ignored, ""},
	"id2label":                {`{"0": "a"}`, ignored, ""},
	"label2id":                {`{"a": 0}`, ignored, ""},
	"initializer_range":       {`0.5`, ignored, ""},
	"is_encoder_decoder":      {`true`, ignored, ""}, // no class of these reads it
	"output_attentions":       {`true`, ignored, ""},
	"output_hidden_states":    {`true`, ignored, ""},
	"problem_type":            {`"regression"`, ignored, ""},
	"return_dict":             {`false`, ignored, ""},
	"transformers_version":    {`"9.9"`, ignored, ""},
	"use_cache":               {`false`, ignored, ""},
}

// readKeys returns what transformers reads of the configuration of a model of these
// families, whether or not its class has it.
func readKeys(t *testing.T) (keys []string) {
	t.Helper()
	data, err := os.ReadFile("testdata/config_reads.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &keys); err != nil {
		t.Fatal(err)
	}
	return keys
}

// Every key that the configuration classes of transformers have or that its models
// read, and what it does.
func TestEveryKey(t *testing.T) {
	var classes map[string][]string
	data, err := os.ReadFile("testdata/config_keys.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &classes); err != nil {
		t.Fatal(err)
	}
	for _, key := range readKeys(t) {
		if _, ok := keyEffects[key]; !ok {
			t.Errorf("transformers reads the key %s, which the table lacks", key)
		}
	}
	if len(classes) != len(architectures) {
		t.Fatalf("the keys of %d architectures, want %d", len(classes), len(architectures))
	}
	for family, keys := range classes {
		text := readFamily(t, family)
		before, err := parseShape([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var config map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &config); err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			if _, ok := keyEffects[key]; !ok {
				t.Errorf("%s has the key %s, which the table lacks", family, key)
			}
		}
		for key, want := range keyEffects {
			if strings.Contains(key, ".") {
				continue
			}
			if own, ok := keyEffects[family+"."+key]; ok {
				want = own
			}
			edited := maps.Clone(config)
			edited[key] = json.RawMessage(want.value)
			data, err := json.Marshal(edited)
			if err != nil {
				t.Fatal(err)
			}
			shape, err := parseShape(data)
			var e *ConfigError
			switch {
			case want.effect == refusal:
				if !errors.As(err, &e) || e.Key != cmp.Or(want.named, key) {
					t.Errorf("%s: %s of %s: error %v, want one about %s", family, key, want.value, err, cmp.Or(want.named, key))
				}
			case err != nil || (shape != before) != (want.effect == changes):
				t.Errorf("%s: %s of %s: %+v, %v, before %+v", family, key, want.value, shape, err, before)
			}
		}
	}
}
