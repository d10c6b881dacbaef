package checkpoint

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// configNames are the element types as config.json has them.
var configNames = map[DType]string{F32: "float32", F16: "float16", BF16: "bfloat16"}

// mergedConfig returns the config.json of a base for weights that are of type d and
// not quantized, under another name. What it doesn't change stays as it is, in its
// order.
func mergedConfig(data []byte, d DType, name string) ([]byte, error) {
	set := map[string]string{"_name_or_path": name, "torch_dtype": configNames[d], "dtype": configNames[d]}
	var members []string
	seen := map[string]bool{}
	add := func(key string, value json.RawMessage) error {
		k, err := json.Marshal(key)
		members = append(members, string(k)+":"+string(value))
		seen[key] = true
		return err
	}
	text := func(key string) error {
		v, err := json.Marshal(set[key])
		if err != nil {
			return err
		}
		return add(key, v)
	}
	err := eachMember(data, func(key string, value json.RawMessage) error {
		switch {
		case key == "quantization_config":
			return nil
		case set[key] != "":
			return text(key)
		}
		return add(key, value)
	})
	if err == nil && !seen["_name_or_path"] {
		err = text("_name_or_path")
	}
	if err == nil && !seen["torch_dtype"] && !seen["dtype"] {
		err = text("torch_dtype") // which every version of transformers reads
	}
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.WriteByte('{')
	for i, m := range members {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString(m)
	}
	out.WriteByte('}')
	var indented bytes.Buffer
	if err := json.Indent(&indented, out.Bytes(), "", "  "); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	indented.WriteByte('\n')
	return indented.Bytes(), nil
}
