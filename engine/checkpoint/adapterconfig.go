package checkpoint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

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
// have, with the values, beside null, under which they do nothing.
var neutral = map[string][]string{
	"alora_invocation_tokens": nil,
	"alpha_pattern":           {"{}"},
	"arrow_config":            nil,
	"bias":                    {`"none"`},
	"corda_config":            nil,
	"ensure_weight_tying":     {"false"},
	"eva_config":              nil,
	"exclude_modules":         {"[]"},
	"fan_in_fan_out":          {"false"},
	// pissa, olora and the like change the base's weights as well.
	"init_lora_weights":       {"true", "false", `"gaussian"`},
	"kasa_config":             nil,
	"layer_replication":       nil,
	"layers_pattern":          {"[]"},
	"layers_to_transform":     nil,
	"loftq_config":            {"{}"},
	"lora_bias":               {"false"},
	"lora_ga_config":          nil,
	"megatron_config":         nil,
	"modules_to_save":         {"[]"},
	"monteclora_config":       nil,
	"peft_type":               {`"LORA"`},
	"rank_pattern":            {"{}"},
	"target_parameters":       {"[]"},
	"task_type":               {`"CAUSAL_LM"`},
	"trainable_token_indices": nil,
	"use_bdlora":              {"false"},
	"use_dora":                {"false"},
	"use_qalora":              {"false"},
	"velora_config":           nil,
}

// passive are keys that describe an adapter without changing what it computes.
var passive = []string{
	"auto_mapping", "base_model_name_or_path", "inference_mode", "megatron_core", "peft_version", "qalora_group_size", "revision",
}

// parseAdapterConfig reads adapter_config.json. A key it does not know, a value
// that asks for what the engine lacks, and the absence of a key that decides
// what the adapter computes are each a *ConfigError.
func parseAdapterConfig(data []byte) (engine.LoRA, AdapterInfo, error) {
	c, err := parseConfig(data)
	if err != nil {
		return engine.LoRA{}, AdapterInfo{}, err
	}
	for _, key := range sortedKeys(c.members) {
		switch key {
		case "r", "lora_alpha", "lora_dropout", "target_modules", "use_rslora":
			continue
		}
		if allowed, ok := neutral[key]; ok {
			c.only(key, allowed...)
		} else if !slices.Contains(passive, key) {
			c.fail(key, "no such key; it could change what the adapter computes")
		}
	}
	for _, key := range []string{"bias", "lora_dropout", "peft_type", "use_dora", "use_rslora"} {
		if !c.has(key) {
			c.fail(key, "a value, since it decides what the adapter computes")
		}
	}
	l := engine.LoRA{Rank: c.size("r"), Alpha: c.positive("lora_alpha")}
	if math.IsInf(l.Alpha, 0) {
		c.fail("lora_alpha", "a finite number")
	}
	if c.get("lora_dropout", &l.Dropout, "a number") && (l.Dropout < 0 || l.Dropout >= 1) {
		c.fail("lora_dropout", "a number from 0 to below 1")
	}
	c.get("use_rslora", &l.RSLoRA, "true or false")
	l.Targets = c.targets()
	var info AdapterInfo
	c.get("base_model_name_or_path", &info.BaseModel, "text")
	c.get("revision", &info.Revision, "text")
	return l, info, c.err
}

// targets reads target_modules into the order of the projections.
func (c *config) targets() []engine.Projection {
	known := make([]string, engine.NumProjections)
	for p := range engine.NumProjections {
		known[p] = p.String()
	}
	want := "a list of " + strings.Join(known, ", ")
	var names []string
	if !c.get("target_modules", &names, want) || len(names) == 0 {
		c.fail("target_modules", want)
		return nil
	}
	var targets []engine.Projection
	for _, name := range names {
		p, ok := engine.ParseProjection(name)
		if !ok || slices.Contains(targets, p) {
			c.fail("target_modules", fmt.Sprintf("%s, each once; %q is not", want, name))
			return nil
		}
		targets = append(targets, p)
	}
	slices.Sort(targets)
	return targets
}
