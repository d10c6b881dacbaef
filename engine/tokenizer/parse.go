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
			return nil, fmt.Errorf("model.merges: %w", err)
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
	if err := strict("tokenizer.json", data, &f); err != nil {
		return nil, err
	}
	t := &Tokenizer{digest: sha256.Sum256(data), raw: newTrie(), normalized: newTrie()}
	var err error
	if t.model, t.ids, err = parseModel(f.Model); err != nil {
		return nil, err
	}
	if t.nfc, err = parseNormalizer("normalizer", f.Normalizer); err != nil {
		return nil, err
	}
	var p preTokenizer
	if err := p.parse("pre_tokenizer", f.PreTokenizer); err != nil {
		return nil, err
	}
	if !p.done {
		return nil, &FeatureError{Place: "pre_tokenizer", What: "BPE without ByteLevel", Hint: "a SentencePiece model?"}
	}
	t.steps, t.byteLevel = p.steps, p.byteLevel
	if err := parseDecoder("decoder", f.Decoder); err != nil {
		return nil, err
	}
	table, err := t.parseAdded(f.AddedTokens)
	if err != nil {
		return nil, err
	}
	if err := t.index(len(data), table); err != nil {
		return nil, err
	}
	return t, nil
}

func parseModel(data json.RawMessage) (*bpe, map[string]int32, error) {
	if len(data) == 0 {
		return nil, nil, errors.New("model: missing")
	}
	var c modelConfig
	if err := strict("model", data, &c); err != nil {
		var head struct { // of another model the fields differ too
			Type *string `json:"type"`
		}
		if json.Unmarshal(data, &head) != nil || head.Type == nil || *head.Type == "BPE" {
			return nil, nil, err
		}
		c.Type = head.Type
	}
	if c.Type != nil && *c.Type != "BPE" {
		return nil, nil, &FeatureError{Place: "model.type", What: fmt.Sprintf("%q", *c.Type), Hint: "byte-level BPE is"}
	}
	switch {
	case c.Dropout != nil && *c.Dropout != 0:
		return nil, nil, &FeatureError{Place: "model.dropout", What: fmt.Sprint(*c.Dropout), Hint: "it makes tokens random"}
	case c.ByteFallback:
		return nil, nil, &FeatureError{Place: "model.byte_fallback", What: "SentencePiece-style BPE", Hint: "byte-level BPE is"}
	case c.ContinuingSubwordPrefix != nil && *c.ContinuingSubwordPrefix != "":
		return nil, nil, &FeatureError{Place: "model.continuing_subword_prefix", What: fmt.Sprintf("%q", *c.ContinuingSubwordPrefix)}
	case c.EndOfWordSuffix != nil && *c.EndOfWordSuffix != "":
		return nil, nil, &FeatureError{Place: "model.end_of_word_suffix", What: fmt.Sprintf("%q", *c.EndOfWordSuffix)}
	case len(c.Vocab) == 0:
		return nil, nil, errors.New("model.vocab: empty")
	}
	m, err := newBPE(c)
	return m, c.Vocab, err
}

func newBPE(c modelConfig) (*bpe, error) {
	merges, err := parseMerges(c.Merges)
	if err != nil {
		return nil, err
	}
	m := &bpe{
		merges: make(map[uint64]rule, len(merges)), ignoreMerges: c.IgnoreMerges,
		unknown: absent, fuse: c.FuseUnk, cache: map[string][]piece{},
	}
	for b, char := range byteChar {
		m.first[b] = absent
		if id, ok := c.Vocab[string(char)]; ok {
			m.first[b] = id
		}
	}
	if c.UnkToken != nil {
		id, ok := c.Vocab[*c.UnkToken]
		if !ok {
			return nil, fmt.Errorf("model.unk_token: %q is not in the vocabulary", *c.UnkToken)
		}
		m.unknown = id
	}
	if c.IgnoreMerges {
		m.whole = make(map[string]int32, len(c.Vocab))
		for token, id := range c.Vocab {
			if s, ok := decodeBytes(token); ok {
				m.whole[s] = id
			}
		}
	}
	for i, two := range merges {
		a, okA := c.Vocab[two[0]]
		b, okB := c.Vocab[two[1]]
		id, ok := c.Vocab[two[0]+two[1]]
		if !okA || !okB || !ok {
			return nil, fmt.Errorf("model.merges[%d]: %q + %q: a part or the whole is not in the vocabulary", i, two[0], two[1])
		}
		m.merges[pair(a, b)] = rule{int32(i), id}
	}
	return m, nil
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
			if t.nfc {
				text, _ = nfc(text)
			}
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
	t.tokens, t.decoded, t.special = make([]string, top+1), make([]string, top+1), make([]bool, top+1)
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
		// The library decodes added tokens like the others, so that even one
		// that is plain text is read as bytes if each of its characters is one.
		bytes, ok := decodeBytes(text)
		if !ok {
			bytes = text
		}
		t.decoded[id] = bytes
	}
	return nil
}
