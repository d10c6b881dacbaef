package tokenizer

import (
	"bytes"
	"encoding/json"
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
		return fmt.Errorf("%s: %w", place, err)
	}
	return nil
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
		return "", fmt.Errorf("%s: %w", place, err)
	}
	if head.Type == nil {
		return "", fmt.Errorf("%s: no \"type\"", place)
	}
	return *head.Type, nil
}

func parseNormalizer(place string, data json.RawMessage) (nfc bool, err error) {
	k, err := kind(place, data)
	if err != nil {
		return false, err
	}
	switch k {
	case "":
		return false, nil
	case "NFC":
		var c struct {
			Type string `json:"type"`
		}
		return true, strict(place, data, &c)
	case "Sequence":
		var c struct {
			Type        string            `json:"type"`
			Normalizers []json.RawMessage `json:"normalizers"`
		}
		if err := strict(place, data, &c); err != nil {
			return false, err
		}
		for i, n := range c.Normalizers {
			one, err := parseNormalizer(fmt.Sprintf("%s.normalizers[%d]", place, i), n)
			if err != nil {
				return false, err
			}
			nfc = nfc || one
		}
		return nfc, nil
	}
	return false, &FeatureError{Place: place, What: fmt.Sprintf("normalizer %q", k), Hint: "NFC is, alone or in a Sequence"}
}

// preTokenizer collects the steps of a pre-tokenizer; done is set once
// ByteLevel, which has to come last, was seen.
type preTokenizer struct {
	steps     []step
	byteLevel byteLevel
	done      bool
}

func (p *preTokenizer) parse(place string, data json.RawMessage) error {
	k, err := kind(place, data)
	if err != nil {
		return err
	}
	if p.done {
		return &FeatureError{Place: place, What: fmt.Sprintf("%s after ByteLevel", k), Hint: "ByteLevel has to be the last pre-tokenizer"}
	}
	switch k {
	case "ByteLevel":
		c := struct {
			Type           string `json:"type"`
			AddPrefixSpace bool   `json:"add_prefix_space"`
			TrimOffsets    bool   `json:"trim_offsets"`
			UseRegex       bool   `json:"use_regex"`
		}{UseRegex: true}
		if err := strict(place, data, &c); err != nil {
			return err
		}
		p.byteLevel.prefixSpace = c.AddPrefixSpace
		if c.UseRegex {
			p.byteLevel.scan = scanGPT2
		}
		p.done = true
	case "Digits":
		var c struct {
			Type             string `json:"type"`
			IndividualDigits bool   `json:"individual_digits"`
		}
		if err := strict(place, data, &c); err != nil {
			return err
		}
		p.steps = append(p.steps, digitStep(c.IndividualDigits))
	case "Split":
		return p.parseSplit(place, data)
	case "Sequence":
		var c struct {
			Type          string            `json:"type"`
			Pretokenizers []json.RawMessage `json:"pretokenizers"`
		}
		if err := strict(place, data, &c); err != nil {
			return err
		}
		for i, one := range c.Pretokenizers {
			if err := p.parse(fmt.Sprintf("%s.pretokenizers[%d]", place, i), one); err != nil {
				return err
			}
		}
	case "":
	default:
		return &FeatureError{Place: place, What: fmt.Sprintf("pre-tokenizer %q", k), Hint: "ByteLevel, Split, Digits and Sequence are"}
	}
	return nil
}

func (p *preTokenizer) parseSplit(place string, data json.RawMessage) error {
	var c struct {
		Type    string `json:"type"`
		Pattern struct {
			Regex  *string `json:"Regex"`
			String *string `json:"String"`
		} `json:"pattern"`
		Behavior string `json:"behavior"`
		Invert   bool   `json:"invert"`
	}
	if err := strict(place, data, &c); err != nil {
		return err
	}
	if c.Pattern.Regex == nil {
		return &FeatureError{Place: place + ".pattern", What: "a pattern that is not a Regex"}
	}
	scan, ok := scanners[*c.Pattern.Regex]
	if !ok {
		return &FeatureError{
			Place: place + ".pattern", What: fmt.Sprintf("the expression %q", *c.Pattern.Regex),
			Hint: "the expressions of GPT-2, Llama 3 and Qwen2 are",
		}
	}
	// The known expressions match everywhere, so keeping the matches (Isolated)
	// and removing what lies between them (Removed, inverted) are the same.
	isolated := c.Behavior == "Isolated" && !c.Invert
	removed := c.Behavior == "Removed" && c.Invert
	if !isolated && !removed {
		return &FeatureError{Place: place + ".behavior", What: fmt.Sprintf("%q with invert %t", c.Behavior, c.Invert), Hint: "Isolated is"}
	}
	p.steps = append(p.steps, scanStep(scan))
	return nil
}

func parseDecoder(place string, data json.RawMessage) error {
	k, err := kind(place, data)
	if err != nil {
		return err
	}
	switch k {
	case "ByteLevel":
		return nil
	case "Sequence":
		var c struct {
			Type     string            `json:"type"`
			Decoders []json.RawMessage `json:"decoders"`
		}
		if err := strict(place, data, &c); err != nil {
			return err
		}
		if len(c.Decoders) == 1 {
			return parseDecoder(place+".decoders[0]", c.Decoders[0])
		}
		return &FeatureError{Place: place, What: fmt.Sprintf("a Sequence of %d decoders", len(c.Decoders)), Hint: "ByteLevel alone is"}
	case "":
		return &FeatureError{Place: place, What: "having no decoder", Hint: "ByteLevel is"}
	}
	return &FeatureError{Place: place, What: fmt.Sprintf("decoder %q", k), Hint: "ByteLevel is"}
}

// isPointer reports whether data is a Git LFS pointer instead of a file's content.
func isPointer(data []byte) bool {
	return strings.HasPrefix(string(data[:min(len(data), 64)]), lfsPrefix)
}
