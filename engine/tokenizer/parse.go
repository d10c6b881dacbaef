package tokenizer

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// modelConfig is the "model" of tokenizer.json.
type modelConfig struct {
	Type                    *string          `json:"type"`
	Dropout                 *float64         `json:"dropout"`
	UnkToken                *string          `json:"unk_token"`
	ContinuingSubwordPrefix *string          `json:"continuing_subword_prefix"`
	EndOfWordSuffix         *string          `json:"end_of_word_suffix"`
	FuseUnk                 bool             `json:"fuse_unk"`
	ByteFallback            bool             `json:"byte_fallback"`
	IgnoreMerges            bool             `json:"ignore_merges"`
	Vocab                   map[string]int32 `json:"vocab"`
	Merges                  json.RawMessage  `json:"merges"`
}

// parseMerges reads a list of ["a", "b"] or, as older files have it, of "a b".
func parseMerges(data json.RawMessage) ([][]string, error) {
	var pairs [][]string
	if err := json.Unmarshal(data, &pairs); err != nil {
		var lines []string
		if json.Unmarshal(data, &lines) != nil {
			return nil, misshapen("model.merges", err)
		}
		pairs = make([][]string, len(lines))
		for i, line := range lines {
			pairs[i] = strings.Split(line, " ")
		}
	}
	for i, two := range pairs {
		if len(two) != 2 {
			return nil, fmt.Errorf("model.merges[%d]: %q is not two tokens", i, two)
		}
	}
	return pairs, nil
}

type addedConfig struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	Lstrip     bool   `json:"lstrip"`
	Rstrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// Parse reads the bytes of a tokenizer.json.
func Parse(data []byte) (*Tokenizer, error) {
	if isPointer(data) {
		return nil, errors.New("a Git LFS pointer instead of the file; fetch it with git lfs pull")
	}
	var f file
	if err := strict("", data, &f); err != nil {
		return nil, err
	}
	t := &Tokenizer{digest: sha256.Sum256(data), raw: newTrie(), normalized: newTrie()}
	c, err := parseModel(f.Model)
	if err != nil {
		return nil, err
	}
	var p preTokenizers
	if err := p.parse("pre_tokenizer", f.PreTokenizer); err != nil {
		return nil, err
	}
	t.cut = chain(p.steps)
	if t.model, err = newBPE(c, p.byteLevel); err != nil {
		return nil, err
	}
	t.ids = c.Vocab
	if t.normalizers, err = parseNormalizer("normalizer", f.Normalizer); err != nil {
		return nil, err
	}
	if t.decoders, err = parseDecoder("decoder", f.Decoder); err != nil {
		return nil, err
	}
	table, err := t.parseAdded(f.AddedTokens)
	if err != nil {
		return nil, err
	}
	if err := t.index(len(data), table); err != nil {
		return nil, err
	}
	if t.frame, err = parsePostProcessor("post_processor", f.PostProcessor, t.ids); err != nil {
		return nil, err
	}
	return t, nil
}

func parseModel(data json.RawMessage) (modelConfig, error) {
	var c modelConfig
	if len(data) == 0 {
		return c, errors.New("model: missing")
	}
	if err := strict("model", data, &c); err != nil {
		var head struct { // of another model the fields differ too
			Type *string `json:"type"`
		}
		if json.Unmarshal(data, &head) != nil || head.Type == nil || *head.Type == "BPE" {
			return c, err
		}
		c.Type = head.Type
	}
	refuse := func(field, what, hint string) error {
		return &FeatureError{Place: "model." + field, What: what, Hint: hint}
	}
	switch {
	case c.Type != nil && *c.Type != "BPE":
		return c, refuse("type", fmt.Sprintf("%q", *c.Type), "BPE is")
	case c.Dropout != nil && *c.Dropout != 0:
		return c, refuse("dropout", fmt.Sprint(*c.Dropout), "it makes tokens random")
	case c.ContinuingSubwordPrefix != nil && *c.ContinuingSubwordPrefix != "":
		return c, refuse("continuing_subword_prefix", fmt.Sprintf("%q", *c.ContinuingSubwordPrefix), "")
	case c.EndOfWordSuffix != nil && *c.EndOfWordSuffix != "":
		return c, refuse("end_of_word_suffix", fmt.Sprintf("%q", *c.EndOfWordSuffix), "")
	case len(c.Vocab) == 0:
		return c, errors.New("model.vocab: empty")
	}
	return c, nil
}

// addedText is what index needs to know of an added token.
type addedText struct {
	text    string // after the normalizer, where that is applied to the token
	special bool
}

// parseAdded enters the added tokens into the vocabulary and the tries, and
// returns them by id.
func (t *Tokenizer) parseAdded(list []json.RawMessage) (map[int32]addedText, error) {
	table := make(map[int32]addedText, len(list))
	seen := make(map[string]bool, len(list))
	for i, data := range list {
		var a addedConfig
		place := fmt.Sprintf("added_tokens[%d]", i)
		if err := strict(place, data, &a); err != nil {
			return nil, err
		}
		if a.Content == "" || seen[a.Content] {
			return nil, fmt.Errorf("%s: content %q is empty or listed twice", place, a.Content)
		}
		seen[a.Content] = true
		if id, ok := t.ids[a.Content]; ok && id != a.ID {
			return nil, fmt.Errorf("%s: %q has id %d here and %d in the vocabulary", place, a.Content, a.ID, id)
		}
		t.ids[a.Content] = a.ID
		entry := added{id: a.ID, singleWord: a.SingleWord, lstrip: a.Lstrip, rstrip: a.Rstrip}
		text, matched := a.Content, t.raw
		if a.Normalized {
			matched = t.normalized
			text = normalizeAll(t.normalizers, piece{text: text}, false).text
		}
		matched.add(text, entry)
		table[a.ID] = addedText{text, a.Special}
	}
	return table, nil
}

// index builds the tables by id. An id costs at least a few bytes of the file,
// so one beyond its size is a lie that would only cost memory.
func (t *Tokenizer) index(size int, table map[int32]addedText) error {
	top := int32(-1)
	for token, id := range t.ids {
		if id < 0 || int(id) >= size {
			return fmt.Errorf("token %q: id %d is out of range", token, id)
		}
		top = max(top, id)
	}
	used := make([]bool, top+1)
	t.tokens, t.written, t.special = make([]string, top+1), make([]string, top+1), make([]bool, top+1)
	for token, id := range t.ids {
		if used[id] {
			return fmt.Errorf("tokens %q and %q: both have id %d", min(token, t.tokens[id]), max(token, t.tokens[id]), id)
		}
		used[id] = true
		t.tokens[id] = token
		text := token
		if a, ok := table[id]; ok {
			text, t.special[id] = a.text, a.special
		}
		t.written[id] = text
	}
	return nil
}
