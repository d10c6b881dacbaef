package checkpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"daybook/engine"
)

// ConfigError reports a key of config.json or adapter_config.json whose value
// cannot be used. The engine never guesses what a key it lacks would have done.
type ConfigError struct {
	Key   string
	Value string // as in the file, on one line; "" if absent
	Want  string
	Has   string // in place of Want where the value may be right but the engine lacks it
}

func (e *ConfigError) Error() string {
	switch {
	case e.Has != "":
		return fmt.Sprintf("%s: %s is not supported (Daybook has %s)", e.Key, e.Value, e.Has)
	case e.Value == "":
		return fmt.Sprintf("%s: missing, want %s", e.Key, e.Want)
	}
	return fmt.Sprintf("%s: %s: want %s", e.Key, e.Value, e.Want)
}

// config reads members of a JSON object one by one and remembers the first error.
type config struct {
	members map[string]json.RawMessage
	prefix  string            // of key names in errors
	because map[string]string // why some keys allow so little
	states  int               // of the expressions compiled so far
	err     error
}

func parseConfig(data []byte) (*config, error) {
	if bytes.HasPrefix(data, []byte(pointerPrefix)) {
		return nil, ErrPointer
	}
	c := &config{}
	var kind *json.UnmarshalTypeError
	if err := json.Unmarshal(data, &c.members); err != nil && !errors.As(err, &kind) {
		return nil, err
	}
	if c.members == nil {
		return nil, fmt.Errorf("not a JSON object")
	}
	return c, nil
}

// has reports whether key is there and not null.
func (c *config) has(key string) bool {
	v, ok := c.members[key]
	return ok && string(v) != "null"
}

func (c *config) fail(key, want string) {
	if c.err != nil {
		return
	}
	c.err = &ConfigError{Key: c.prefix + key, Value: c.value(key), Want: want}
}

// lacks fails on a value that asks for what the engine doesn't have, beside which it has has.
func (c *config) lacks(key, has string) {
	if c.err == nil {
		c.err = &ConfigError{Key: c.prefix + key, Value: c.value(key), Has: has}
	}
}

// value returns the text of key for an error, on one line.
func (c *config) value(key string) string {
	text := string(c.members[key])
	var compact bytes.Buffer
	if strings.Contains(text, "\n") && json.Compact(&compact, c.members[key]) == nil {
		text = compact.String()
	}
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "") + "..."
	}
	return text
}

// get decodes key into v, if it is there, and reports whether it was.
func (c *config) get(key string, v any, want string) bool {
	if !c.has(key) {
		return false
	}
	if json.Unmarshal(c.members[key], v) != nil {
		c.fail(key, want)
		return false
	}
	return true
}

// size reads a whole number from 1 to 2^31-1; without a fallback it is required.
func (c *config) size(key string, fallback ...int) int {
	const want = "a whole number from 1 to 2147483647"
	var n int
	switch {
	case !c.has(key) && len(fallback) > 0:
		return fallback[0]
	case !c.has(key):
		c.fail(key, want)
	case !c.get(key, &n, want):
	case n < 1 || n > 1<<31-1:
		c.fail(key, want)
	}
	return n
}

func (c *config) positive(key string, fallback ...float64) float64 {
	const want = "a number above 0"
	var x float64
	switch {
	case !c.has(key) && len(fallback) > 0:
		return fallback[0]
	case !c.has(key):
		c.fail(key, want)
	case c.get(key, &x, want) && x <= 0:
		c.fail(key, want)
	}
	return x
}

// only fails unless key is absent, null, or equal to one of the JSON texts.
func (c *config) only(key string, allowed ...string) {
	if !c.has(key) {
		return
	}
	var compact bytes.Buffer
	if json.Compact(&compact, c.members[key]) == nil && slices.Contains(allowed, compact.String()) {
		return
	}
	has := "null"
	if len(allowed) > 0 {
		has = strings.Join(allowed, ", ")
	}
	if why := c.because[key]; why != "" {
		has += ": " + why
	}
	c.lacks(key, has)
}

// foreign fails on a key that nothing is known of, unless it is null or equal to one
// of the JSON texts.
func (c *config) foreign(key string, off ...string) {
	if c.has(key) && !slices.Contains(off, c.value(key)) {
		c.lacks(key, "no such key")
	}
}

// parseShape reads config.json. Every key of it is used, known not to matter, or
// an error.
func parseShape(data []byte) (engine.Shape, error) {
	c, err := parseConfig(data)
	if err != nil {
		return engine.Shape{}, err
	}
	a, err := c.architecture()
	if err != nil {
		return engine.Shape{}, err
	}
	c.only("hidden_act", `"silu"`)
	if v, ok := c.members["is_causal"]; ok && string(v) != "true" { // null is not true for transformers, either
		c.lacks("is_causal", "true")
	}
	c.only("attention_dropout", "0", "0.0")
	c.only("partial_rotary_factor", "1", "1.0")
	s := engine.Shape{
		Vocab:        c.size("vocab_size"),
		Hidden:       c.size("hidden_size"),
		Layers:       c.size("num_hidden_layers"),
		Heads:        c.size("num_attention_heads"),
		Intermediate: c.size("intermediate_size"),
		NormEps:      c.positive("rms_norm_eps"),
		MaxPositions: c.size("max_position_embeddings"),
	}
	s.KVHeads = c.size("num_key_value_heads", s.Heads)
	if !c.has("head_dim") && c.err == nil && s.Hidden%s.Heads != 0 {
		c.fail("hidden_size", fmt.Sprintf("a multiple of num_attention_heads %d, or head_dim", s.Heads))
	}
	s.HeadDim = c.size("head_dim", s.Hidden/max(s.Heads, 1))
	c.get("tie_word_embeddings", &s.TiedHead, "true or false")
	c.rope(&s)
	a.read(c, &s)
	c.unknown(a)
	if c.err != nil {
		return engine.Shape{}, c.err
	}
	switch {
	case s.Heads%s.KVHeads != 0:
		c.fail("num_key_value_heads", fmt.Sprintf("a divisor of num_attention_heads %d", s.Heads))
	case s.HeadDim%2 != 0 && c.has("head_dim"):
		c.fail("head_dim", "an even number")
	case s.HeadDim%2 != 0:
		c.fail("num_attention_heads", fmt.Sprintf("heads of even width, not hidden_size/heads = %d", s.HeadDim))
	}
	return s, c.err
}

// readName returns _name_or_path of a config.json, "" if it has none. Of a
// folder on somebody's machine only the last element is taken: the name is
// published with adapters.
func readName(data []byte) (string, error) {
	var c struct {
		Name string `json:"_name_or_path"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return "", errors.New("_name_or_path: want a text")
	}
	if strings.HasPrefix(c.Name, "/") || strings.HasPrefix(c.Name, ".") || strings.HasPrefix(c.Name, "~") || strings.Contains(c.Name, `\`) {
		return path.Base(strings.ReplaceAll(c.Name, `\`, "/")), nil
	}
	return c.Name, nil
}
