package checkpoint

import (
	"encoding/json"
	"strings"
)

// parsePacked reads quantization_config of config.json: how the weights are
// quantized already, nil if they are not. Everything but NF4 by bitsandbytes is an
// error that names the key.
func parsePacked(data []byte) (*Quantization, error) {
	outer, err := parseConfig(data)
	if err != nil {
		return nil, err
	}
	const key = "quantization_config"
	if !outer.has(key) {
		return nil, nil
	}
	c := &config{prefix: key + ".", because: map[string]string{
		"bnb_4bit_quant_type": "quantize the original to it",
	}}
	if json.Unmarshal(outer.members[key], &c.members) != nil {
		outer.fail(key, "an object")
		return nil, outer.err
	}
	require := func(key, value string) {
		if !c.has(key) {
			c.fail(key, value)
		}
		c.only(key, value)
	}
	require("quant_method", `"bitsandbytes"`)
	c.only("load_in_8bit", "false")
	c.only("_load_in_8bit", "false")
	require("load_in_4bit", "true")
	if !c.has("bnb_4bit_quant_type") {
		c.fail("bnb_4bit_quant_type", `"nf4": without it the weights are in fp4, which is not supported`)
	}
	c.only("bnb_4bit_quant_type", `"nf4"`)
	c.only("_load_in_4bit", "true")
	c.only("bnb_4bit_quant_storage", `"uint8"`)
	c.only("bnb_4bit_blocksize", "64")
	q := &Quantization{Kind: "nf4"}
	c.get("bnb_4bit_use_double_quant", &q.DoubleQuant, "true or false")
	for _, name := range sortedKeys(c.members) {
		switch name {
		case "quant_method", "load_in_8bit", "_load_in_8bit", "load_in_4bit", "_load_in_4bit", "bnb_4bit_quant_type",
			"bnb_4bit_quant_storage", "bnb_4bit_blocksize", "bnb_4bit_use_double_quant", "bnb_4bit_compute_dtype":
			continue
		}
		if !strings.HasPrefix(name, "llm_int8_") { // of 8-bit weights alone
			c.foreign(name, "false")
		}
	}
	if c.err != nil {
		return nil, c.err
	}
	return q, nil
}
