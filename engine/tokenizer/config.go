package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// FeatureError reports a part of tokenizer.json that this package does not
// have. Guessing would give other tokens than the model was trained on.
type FeatureError struct {
	Place string // path in the file, such as "pre_tokenizer.pretokenizers[0]"
	What  string // what was found there
	Hint  string
}

func (e *FeatureError) Error() string {
	s := fmt.Sprintf("%s: %s is not supported", e.Place, e.What)
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

const lfsPrefix = "version https://git-lfs.github.com/spec/"

type file struct {
	Version       string            `json:"version"`
	Truncation    json.RawMessage   `json:"truncation"`
	Padding       json.RawMessage   `json:"padding"`
	AddedTokens   []json.RawMessage `json:"added_tokens"`
	Normalizer    json.RawMessage   `json:"normalizer"`
	PreTokenizer  json.RawMessage   `json:"pre_tokenizer"`
	PostProcessor json.RawMessage   `json:"post_processor"`
	Decoder       json.RawMessage   `json:"decoder"`
	Model         json.RawMessage   `json:"model"`
}

// strict decodes data into v and refuses fields that v does not have, since an
// unknown field could change tokens.
func strict(place string, data json.RawMessage, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return misshapen(place, err)
	}
	return nil
}

// misshapen says of an error of decoding what is at place, "" for the whole file,
// in terms of the file.
func misshapen(place string, err error) error {
	what := strings.TrimPrefix(err.Error(), "json: ")
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		place, what = strings.Trim(place+"."+kind.Field, "."), kind.Value+" is not what belongs there"
	}
	if place == "" { // which the caller names
		return errors.New(what)
	}
	return fmt.Errorf("%s: %s", place, what)
}

// kind returns the "type" of a component, "" where the component is null or absent.
func kind(place string, data json.RawMessage) (string, error) {
	if len(data) == 0 || string(data) == "null" {
		return "", nil
	}
	var head struct {
		Type *string `json:"type"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return "", misshapen(place, err)
	}
	if head.Type == nil {
		return "", fmt.Errorf("%s: no \"type\"", place)
	}
	return *head.Type, nil
}

// sequence returns the parts of a "Sequence", which each kind of component keeps
// under another key, with the place of each.
func sequence(place string, data json.RawMessage, key string) ([]part, error) {
	var c map[string]json.RawMessage
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, misshapen(place, err)
	}
	for k := range c {
		if k != "type" && k != key {
			return nil, fmt.Errorf("%s: unknown field %q", place, k)
		}
	}
	var list []json.RawMessage
	if err := strict(place+"."+key, c[key], &list); err != nil {
		return nil, err
	}
	parts := make([]part, len(list))
	for i, one := range list {
		parts[i] = part{fmt.Sprintf("%s.%s[%d]", place, key, i), one}
	}
	return parts, nil
}

type part struct {
	place string
	data  json.RawMessage
}

// patternConfig is what Split and Replace look for.
type patternConfig struct {
	Regex  *string `json:"Regex"`
	String *string `json:"String"`
}

func (c patternConfig) compile(place string) (*automaton, error) {
	refuse := func(err error) error {
		return &FeatureError{Place: place + ".pattern", What: fmt.Sprintf("the expression %q", *c.Regex), Hint: err.Error()}
	}
	switch {
	case c.Regex != nil:
		e, err := parseExpression(*c.Regex)
		if err != nil {
			return nil, refuse(err)
		}
		a, err := compile(e)
		if err != nil {
			return nil, refuse(err)
		}
		return a, nil
	case c.String != nil && *c.String != "":
		return &automaton{literal: *c.String}, nil
	}
	return nil, &FeatureError{Place: place + ".pattern", What: "a pattern that is neither a Regex nor a String of some length"}
}

// unsupported is the error for a component of another type.
func unsupported(place, what, kind, known string) error {
	return &FeatureError{Place: place, What: fmt.Sprintf("%s %q", what, kind), Hint: known + " are"}
}

// isPointer reports whether data is a Git LFS pointer instead of a file's content.
func isPointer(data []byte) bool {
	return strings.HasPrefix(string(data[:min(len(data), 64)]), lfsPrefix)
}
