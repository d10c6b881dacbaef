package checkpoint

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"

	"daybook/engine"
)

// adapterConfig is what WriteAdapter puts in adapter_config.json; the fields are
// in the order of their keys.
type adapterConfig struct {
	BaseModel     string      `json:"base_model_name_or_path"`
	Bias          string      `json:"bias"`
	InferenceMode bool        `json:"inference_mode"`
	LoraAlpha     json.Number `json:"lora_alpha"`
	LoraDropout   float64     `json:"lora_dropout"`
	PeftType      string      `json:"peft_type"`
	R             int         `json:"r"`
	Revision      *string     `json:"revision"`
	TargetModules []string    `json:"target_modules"`
	TaskType      string      `json:"task_type"`
	UseDora       bool        `json:"use_dora"`
	UseRslora     bool        `json:"use_rslora"`
}

func marshalAdapterConfig(l engine.LoRA, info AdapterInfo) ([]byte, error) {
	c := adapterConfig{
		BaseModel: info.BaseModel, Bias: "none", InferenceMode: true, LoraDropout: l.Dropout, PeftType: "LORA",
		R: l.Rank, TaskType: "CAUSAL_LM", UseRslora: l.RSLoRA,
	}
	alpha, err := json.Marshal(l.Alpha) // PEFT wants a whole number where it is one, as JSON writes it
	if err != nil {
		return nil, err
	}
	c.LoraAlpha = json.Number(alpha)
	if info.Revision != "" {
		c.Revision = &info.Revision
	}
	for _, p := range l.Targets {
		c.TargetModules = append(c.TargetModules, p.String())
	}
	slices.Sort(c.TargetModules)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err = e.Encode(c)
	return b.Bytes(), err
}

// neutral are keys of PEFT's LoraConfig for variants that the engine does not
// have, with the values, beside null, under which they change nothing.
var neutral = map[string][]string{
	"alora_invocation_tokens": nil,
	"arrow_config":            nil,
	"bias":                    {`"none"`},
	"enable_lora":             nil, // of before 0.3, as is merge_weights
	"fan_in_fan_out":          {"false"},
	// These leave the base as it is; pissa, olora, corda, loftq and lora_ga take
	// from its weights what they put into the adapter.
	"init_lora_weights":       {"true", "false", `"gaussian"`, `"orthogonal"`, `"eva"`, `"mica"`},
	"kasa_config":             nil,
	"layer_replication":       nil,
	"lora_bias":               {"false"},
	"megatron_config":         nil,
	"merge_weights":           {"false"},
	"modules_to_save":         {"[]"},
	"monteclora_config":       nil,
	"peft_type":               {`"LORA"`},
	"target_parameters":       {"[]"},
	"task_type":               {`"CAUSAL_LM"`},
	"trainable_token_indices": nil,
	"use_bdlora":              {"false"},
	"use_dora":                {"false"},
	"use_qalora":              {"false"},
	"velora_config":           nil,
}

// because says, of variants that people ask for, what they need that the engine lacks.
var because = map[string]string{
	"bias":                    "the base's biases are frozen here",
	"init_lora_weights":       "other ways change the base's weights, and the adapter is nothing without the change; PEFT's save_pretrained with path_initial_model_for_weight_conversion turns it into a plain one",
	"layer_replication":       "the base's layers are used once each",
	"lora_bias":               "adapters have no biases here",
	"modules_to_save":         "whole modules that were trained are no adapter; merge them with PEFT, and take the result as a base",
	"target_parameters":       "only the seven projections are adapted",
	"trainable_token_indices": "embeddings are frozen here",
	"use_dora":                "DoRA scales each row of a weight by a norm that the adapter changes, which no fused operation here does; merge it with PEFT, and take the result as a base",
}

// passive are keys that describe an adapter without changing what it computes, or
// belong to a way of initialising it, which init_lora_weights names.
var passive = []string{
	"auto_mapping", "base_model_name_or_path", "corda_config", "ensure_weight_tying", "eva_config", "inference_mode", "loftq_config",
	"lora_ga_config", "megatron_core", "peft_version", "qalora_group_size", "revision",
}

// adapterSpec is what adapter_config.json says. Which modules it names is known
// only with the shape of a base.
type adapterSpec struct {
	lora    engine.LoRA // without targets
	info    AdapterInfo
	targets modules
	exclude modules
	layers  []int    // layers_to_transform; nil means all
	ranks   patterns // rank_pattern
	alphas  patterns // alpha_pattern
	source  *config  // for errors
}

// parseAdapterConfig reads adapter_config.json as PEFT has written it since its
// first version; a key that is absent has PEFT's default. A key that it does not
// know, unless it is switched off, a value that asks for what the engine lacks, and
// the absence of a key that every version wrote are each a *ConfigError.
func parseAdapterConfig(data []byte) (*adapterSpec, error) {
	c, err := parseConfig(data)
	if err != nil {
		return nil, err
	}
	c.because = because
	for _, key := range sortedKeys(c.members) {
		switch key {
		case "r", "lora_alpha", "lora_dropout", "target_modules", "use_rslora", "exclude_modules", "layers_to_transform", "layers_pattern", "rank_pattern", "alpha_pattern":
			continue
		}
		if allowed, ok := neutral[key]; ok {
			c.only(key, allowed...)
		} else if !slices.Contains(passive, key) {
			c.foreign(key, "false", "{}", "[]") // of a newer PEFT, which could change what the adapter computes
		}
	}
	for _, key := range []string{"bias", "lora_dropout", "peft_type"} {
		if !c.has(key) {
			c.fail(key, "a value, since it decides what the adapter computes")
		}
	}
	a := &adapterSpec{source: c, lora: engine.LoRA{Rank: c.size("r"), Alpha: c.positive("lora_alpha")}}
	if math.IsInf(a.lora.Alpha, 0) {
		c.fail("lora_alpha", "a finite number")
	}
	if c.get("lora_dropout", &a.lora.Dropout, "a number") && (a.lora.Dropout < 0 || a.lora.Dropout >= 1) {
		c.fail("lora_dropout", "a number from 0 to below 1")
	}
	c.get("use_rslora", &a.lora.RSLoRA, "true or false")
	if a.targets = c.modules("target_modules"); a.targets.empty() {
		c.fail("target_modules", "the modules that are adapted")
	}
	a.exclude = c.modules("exclude_modules")
	a.layers = c.layers()
	a.ranks, a.alphas = c.patterns("rank_pattern"), c.patterns("alpha_pattern")
	c.get("base_model_name_or_path", &a.info.BaseModel, "text")
	c.get("revision", &a.info.Revision, "text")
	if c.err != nil {
		return nil, c.err
	}
	return a, nil
}
