package tokenizer

import (
	"encoding/json"
	"fmt"

	"golang.org/x/text/unicode/norm"
)

func parseNormalizer(place string, data json.RawMessage) ([]normalizer, error) {
	k, err := kind(place, data)
	if err != nil {
		return nil, err
	}
	var c struct {
		Type       string        `json:"type"`
		Prepend    string        `json:"prepend"`
		Pattern    patternConfig `json:"pattern"`
		Content    string        `json:"content"`
		StripLeft  bool          `json:"strip_left"`
		StripRight bool          `json:"strip_right"`
	}
	switch k {
	case "":
		return nil, nil
	case "Sequence":
		parts, err := sequence(place, data, "normalizers")
		var all []normalizer
		for _, p := range parts {
			list, err := parseNormalizer(p.place, p.data)
			if err != nil {
				return nil, err
			}
			all = append(all, list...)
		}
		return all, err
	case "NFC", "NFD", "NFKC", "NFKD":
		forms := map[string]norm.Form{"NFC": norm.NFC, "NFD": norm.NFD, "NFKC": norm.NFKC, "NFKD": norm.NFKD}
		return []normalizer{form(forms[k])}, strict(place, data, &c)
	case "Lowercase":
		return []normalizer{lowercase}, strict(place, data, &c)
	case "Prepend":
		err := strict(place, data, &c)
		return []normalizer{prepend(c.Prepend)}, err
	case "Strip":
		err := strict(place, data, &c)
		return []normalizer{strip(c.StripLeft, c.StripRight)}, err
	case "Replace":
		if err := strict(place, data, &c); err != nil {
			return nil, err
		}
		a, err := c.Pattern.compile(place)
		return []normalizer{replace(a, c.Content)}, err
	}
	return nil, unsupported(place, "normalizer", k, "NFC, NFD, NFKC, NFKD, Lowercase, Prepend, Replace, Strip and Sequence")
}

// preTokenizers collects the steps of a pre-tokenizer.
type preTokenizers struct {
	steps     []preTokenizer
	byteLevel bool // ByteLevel, which has to come last, was seen
}

func (p *preTokenizers) parse(place string, data json.RawMessage) error {
	k, err := kind(place, data)
	if err != nil {
		return err
	}
	if p.byteLevel && k != "" {
		return &FeatureError{Place: place, What: k + " after ByteLevel", Hint: "ByteLevel has to be the last pre-tokenizer"}
	}
	c := struct {
		Type             string        `json:"type"`
		AddPrefixSpace   *bool         `json:"add_prefix_space"`
		TrimOffsets      bool          `json:"trim_offsets"`
		UseRegex         bool          `json:"use_regex"`
		IndividualDigits bool          `json:"individual_digits"`
		Pattern          patternConfig `json:"pattern"`
		Behavior         behavior      `json:"behavior"`
		Invert           bool          `json:"invert"`
		Replacement      string        `json:"replacement"`
		PrependScheme    *scheme       `json:"prepend_scheme"`
		Split            bool          `json:"split"`
	}{UseRegex: true, Split: true}
	switch k {
	case "ByteLevel", "Digits", "Split", "Metaspace":
		if err := strict(place, data, &c); err != nil {
			return err
		}
	}
	switch k {
	case "":
	case "Sequence":
		parts, err := sequence(place, data, "pretokenizers")
		for _, one := range parts {
			if err := p.parse(one.place, one.data); err != nil {
				return err
			}
		}
		return err
	case "ByteLevel":
		var pattern *automaton
		if c.UseRegex {
			pattern = gpt2
		}
		p.byteLevel = true
		p.steps = append(p.steps, byteLevel(c.AddPrefixSpace == nil || *c.AddPrefixSpace, pattern))
	case "Digits":
		p.steps = append(p.steps, digits(c.IndividualDigits))
	case "Split":
		switch c.Behavior {
		case isolated, removed, contiguous, mergedWithNext, mergedWithPrevious:
		default:
			return &FeatureError{Place: place + ".behavior", What: fmt.Sprintf("%q", c.Behavior)}
		}
		a, err := c.Pattern.compile(place)
		if err != nil {
			return err
		}
		p.steps = append(p.steps, split(a, c.Behavior, c.Invert))
	case "Metaspace":
		where, err := metaspaceScheme(place, c.Replacement, c.AddPrefixSpace, c.PrependScheme)
		if err != nil {
			return err
		}
		p.steps = append(p.steps, metaspace(c.Replacement, where, c.Split))
	default:
		return unsupported(place, "pre-tokenizer", k, "ByteLevel, Split, Digits, Metaspace and Sequence")
	}
	return nil
}

// metaspaceScheme reads where Metaspace puts a mark; older files say
// add_prefix_space instead.
func metaspaceScheme(place, replacement string, prefix *bool, named *scheme) (scheme, error) {
	if replacement != mark {
		return "", &FeatureError{Place: place + ".replacement", What: fmt.Sprintf("%q", replacement), Hint: "U+2581 is"}
	}
	where := schemeAlways
	if prefix != nil && !*prefix {
		where = schemeNever
	}
	if named != nil {
		where = *named
	}
	switch where {
	case schemeAlways, schemeFirst, schemeNever:
		return where, nil
	}
	return "", &FeatureError{Place: place + ".prepend_scheme", What: fmt.Sprintf("%q", where), Hint: "always, first and never are"}
}

func parseDecoder(place string, data json.RawMessage) ([]decoder, error) {
	k, err := kind(place, data)
	if err != nil {
		return nil, err
	}
	var c struct {
		Type           string        `json:"type"`
		AddPrefixSpace *bool         `json:"add_prefix_space"`
		TrimOffsets    bool          `json:"trim_offsets"`
		UseRegex       bool          `json:"use_regex"`
		Pattern        patternConfig `json:"pattern"`
		Content        string        `json:"content"`
		Start          int           `json:"start"`
		Stop           int           `json:"stop"`
		Replacement    string        `json:"replacement"`
		PrependScheme  *scheme       `json:"prepend_scheme"`
		Split          bool          `json:"split"`
	}
	one := func(apply func([]string) []string) ([]decoder, error) { return []decoder{{k, apply}}, nil }
	switch k {
	case "ByteLevel", "ByteFallback", "Fuse", "Replace", "Strip", "Metaspace":
		if err := strict(place, data, &c); err != nil {
			return nil, err
		}
	}
	switch k {
	case "":
		return nil, &FeatureError{Place: place, What: "having no decoder", Hint: "ByteLevel is"}
	case "Sequence":
		parts, err := sequence(place, data, "decoders")
		var all []decoder
		for _, p := range parts {
			list, err := parseDecoder(p.place, p.data)
			if err != nil {
				return nil, err
			}
			all = append(all, list...)
		}
		return all, err
	case "ByteLevel":
		return one(decodeByteLevel)
	case "ByteFallback":
		return one(decodeByteFallback)
	case "Fuse":
		return one(decodeFuse)
	case "Replace":
		a, err := c.Pattern.compile(place)
		return []decoder{{k, decodeReplace(a, c.Content)}}, err
	case "Strip":
		if c.Content == "" || c.Start < 0 || c.Stop < 0 {
			return nil, fmt.Errorf("%s: content %q, start %d, stop %d", place, c.Content, c.Start, c.Stop)
		}
		return one(decodeStrip(c.Content, c.Start, c.Stop))
	case "Metaspace":
		where, err := metaspaceScheme(place, c.Replacement, c.AddPrefixSpace, c.PrependScheme)
		return []decoder{{k, decodeMetaspace(c.Replacement, where)}}, err
	}
	return nil, unsupported(place, "decoder", k, "ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace and Sequence")
}
