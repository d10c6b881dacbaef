package audit

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// spec is what an audit reads of a run's spec, which is another package's.
type spec struct {
	Base struct {
		Model        string `json:"model"`
		Quantization string `json:"quantization"`
		DoubleQuant  bool   `json:"double_quant"`
	} `json:"base"`
	Data struct {
		GroupBy    string          `json:"group_by"`
		Split      string          `json:"split"`
		Validation json.RawMessage `json:"validation"`
		Test       json.RawMessage `json:"test"`
		Subset     subset          `json:"subset"`
	} `json:"data"`
	Train json.RawMessage `json:"train"`
	Eval  struct {
		Select string `json:"select"`
	} `json:"eval"`
	Seed json.Number `json:"seed"`
}

func (b *builder) readSpec() error {
	if err := json.Unmarshal(b.Trace.Run.Spec, &b.spec); err != nil {
		return fmt.Errorf("spec of run %.12s: %w", b.Trace.Run.Key, err)
	}
	return nil
}

// subset is a rule for choosing records.
type subset struct {
	Op       string         `json:"op"`
	Count    int            `json:"count"`
	Fraction float64        `json:"fraction"`
	Seed     json.Number    `json:"seed"`
	Where    map[string]any `json:"where"`
	Of       []subset       `json:"of"`
	IDs      []string       `json:"ids"`
}

// String writes the rule as a sweep would.
func (s subset) String() string {
	var args []string
	for _, of := range s.Of {
		args = append(args, of.String())
	}
	switch {
	case len(s.IDs) > 0: // concealed: one digest for the list
		args = append(args, fmt.Sprintf("%d named records, %s", s.Count, strings.Join(s.IDs, " ")))
	case s.Count > 0:
		args = append(args, strconv.Itoa(s.Count))
	case s.Fraction > 0:
		args = append(args, strconv.FormatFloat(s.Fraction, 'g', -1, 64))
	}
	if len(s.Where) > 0 {
		args = append(args, "where "+compact(s.Where))
	}
	if s.Seed != "" && s.Seed != "0" {
		args = append(args, "seed "+s.Seed.String())
	}
	if len(args) == 0 {
		return s.Op
	}
	return s.Op + "(" + strings.Join(args, ", ") + ")"
}

// compact writes a value as JSON with its keys in order.
func compact(v any) string {
	if raw, ok := v.(json.RawMessage); ok && len(raw) == 0 {
		return ""
	}
	data, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(data)
}

// listed writes an object's settings one after the other, as "epochs 3, lora.rank 8":
// what is broken into lines anywhere is read more easily than JSON.
func listed(object json.RawMessage) string {
	var v any
	if json.Unmarshal(object, &v) != nil {
		return ""
	}
	settings := map[string]string{}
	var walk func(name string, v any)
	walk = func(name string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, value := range v {
				walk(strings.TrimPrefix(name+"."+key, "."), value)
			}
		case string:
			settings[name] = v
		default:
			settings[name] = strings.NewReplacer(`","`, " ", `["`, "", `"]`, "", "[]", "none").Replace(compact(v))
		}
	}
	walk("", v)
	return pairs(settings)
}

// counted writes counts by value, the largest first; name stands for no value.
func counted(counts map[string]int, name string) string {
	var values []string
	for value := range counts {
		values = append(values, value)
	}
	slices.SortFunc(values, func(a, b string) int {
		if n := counts[b] - counts[a]; n != 0 {
			return n
		}
		return strings.Compare(a, b)
	})
	for i, value := range values {
		shown := value
		if shown == "" {
			shown = name
		}
		values[i] = fmt.Sprintf("%s: %s", shown, records(counts[value]))
	}
	return strings.Join(values, "; ")
}

func records(n int) string {
	if n == 1 {
		return "1 record"
	}
	return fmt.Sprintf("%d records", n)
}
