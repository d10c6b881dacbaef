package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
)

// frame is what a post-processor puts around a text.
type frame struct{ before, after []int32 }

// Frame returns ids with what the file's post-processor puts around a text, such
// as the beginning-of-sequence token. It is for plain text: a chat template
// writes these tokens itself.
func (t *Tokenizer) Frame(ids []int32) []int32 {
	return slices.Concat(t.frame.before, ids, t.frame.after)
}

// wrap puts outer around f.
func (f frame) wrap(outer frame) frame {
	return frame{slices.Concat(outer.before, f.before), slices.Concat(f.after, outer.after)}
}

func parsePostProcessor(place string, data json.RawMessage, ids map[string]int32) (frame, error) {
	var f frame
	k, err := kind(place, data)
	if err != nil {
		return f, err
	}
	switch k {
	case "", "ByteLevel": // ByteLevel trims offsets only
		return f, nil
	case "Sequence":
		parts, err := sequence(place, data, "processors")
		for _, p := range parts {
			outer, err := parsePostProcessor(p.place, p.data, ids)
			if err != nil {
				return f, err
			}
			f = f.wrap(outer)
		}
		return f, err
	case "TemplateProcessing":
		return parseTemplate(place, data, ids)
	}
	return f, unsupported(place, "post-processor", k, "TemplateProcessing, ByteLevel and Sequence")
}

// parseTemplate reads the part of TemplateProcessing for single texts.
func parseTemplate(place string, data json.RawMessage, ids map[string]int32) (frame, error) {
	type named struct {
		ID     string `json:"id"`
		TypeID int    `json:"type_id"`
	}
	var c struct {
		Type   string `json:"type"`
		Single []struct {
			SpecialToken *named `json:"SpecialToken"`
			Sequence     *named `json:"Sequence"`
		} `json:"single"`
		Pair          json.RawMessage `json:"pair"`
		SpecialTokens map[string]struct {
			ID     string   `json:"id"`
			IDs    []int32  `json:"ids"`
			Tokens []string `json:"tokens"`
		} `json:"special_tokens"`
	}
	var f frame
	if err := strict(place, data, &c); err != nil {
		return f, err
	}
	size := int32(0)
	for _, id := range ids {
		size = max(size, id+1)
	}
	texts := 0
	for i, one := range c.Single {
		at := fmt.Sprintf("%s.single[%d]", place, i)
		if one.SpecialToken == nil {
			texts++
			continue
		}
		token, ok := c.SpecialTokens[one.SpecialToken.ID]
		if !ok {
			return f, fmt.Errorf("%s: %q is not among the special_tokens", at, one.SpecialToken.ID)
		}
		for _, id := range token.IDs {
			if id < 0 || id >= size {
				return f, fmt.Errorf("%s: %q has id %d, which no token has", at, one.SpecialToken.ID, id)
			}
		}
		if texts == 0 {
			f.before = append(f.before, token.IDs...)
		} else {
			f.after = append(f.after, token.IDs...)
		}
	}
	if texts != 1 {
		return f, fmt.Errorf("%s.single: the text occurs %d times in it, not once", place, texts)
	}
	return f, nil
}
