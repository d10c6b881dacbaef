// Package tokenizer turns text into token ids and back, exactly as the Hugging
// Face tokenizers library does with the same tokenizer.json.
//
// It reads byte-level BPE: the model, added tokens, the NFC normalizer, the
// pre-tokenizers ByteLevel, Split, Digits and Sequence, and the ByteLevel
// decoder. Anything else in the file that would change a token is an error that
// names it. The post-processor is not applied: whoever calls Encode has a chat
// template that writes the beginning-of-sequence token itself, so applying both
// would give two. Truncation and padding stored in the file are settings of
// whoever saved it, not of the vocabulary, and are not applied either.
//
// It trains no vocabulary and renders no templates.
package tokenizer

import (
	"crypto/sha256"
	"fmt"
	"os"
)

// Tokenizer is a loaded tokenizer.json. It is safe for concurrent use.
type Tokenizer struct {
	digest     [sha256.Size]byte
	tokens     []string // by id; "" where the id is unused
	decoded    []string // bytes that the id stands for
	special    []bool   // by id
	ids        map[string]int32
	raw        *trie // added tokens matched in the text as given
	normalized *trie // added tokens matched after the normalizer
	nfc        bool
	steps      []step // pre-tokenizer, in order, without ByteLevel
	byteLevel  byteLevel
	model      *bpe
}

// Span is the half-open range of bytes of a text that a token came from.
type Span struct{ Start, End int }

// Overlaps reports whether s and o share a byte.
func (s Span) Overlaps(o Span) bool { return s.Start < o.End && o.Start < s.End }

// Load reads a tokenizer.json. A feature that the package does not have is a
// *FeatureError wrapped with the path.
func Load(path string) (*Tokenizer, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	t, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %s: %w", path, err)
	}
	return t, nil
}

// Encode returns the ids of text. Added tokens that occur in the text, special
// ones included, become their ids; nothing is put before or after.
func (t *Tokenizer) Encode(text string) []int32 {
	ids, _ := t.encode(text, false)
	return ids
}

// EncodeSpans is Encode together with the bytes of text that each token came
// from. A token that holds part of a character has just those bytes, except
// that where normalization rewrote a sequence its tokens have all of it.
func (t *Tokenizer) EncodeSpans(text string) ([]int32, []Span) {
	return t.encode(text, true)
}

// Decode returns the text of ids, without special tokens if skipSpecial. Ids
// outside the vocabulary are left out. Bytes that are not UTF-8 become U+FFFD,
// one for each maximal ill-formed part, so decoding a prefix of a sequence can
// end in U+FFFD where a character is incomplete.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) string {
	var buf []byte
	for _, id := range ids {
		if id < 0 || int(id) >= len(t.decoded) || skipSpecial && t.special[id] {
			continue
		}
		buf = append(buf, t.decoded[id]...)
	}
	return lossyUTF8(buf)
}

// Bytes returns the bytes that id stands for, "" outside the vocabulary.
func (t *Tokenizer) Bytes(id int32) string {
	if id < 0 || int(id) >= len(t.decoded) {
		return ""
	}
	return t.decoded[id]
}

// ID returns the id of a token as the vocabulary writes it, such as "<|im_end|>"
// or "Ġthe".
func (t *Tokenizer) ID(token string) (int32, bool) {
	id, ok := t.ids[token]
	return id, ok
}

// Token returns the token as the vocabulary writes it, "" outside the vocabulary.
func (t *Tokenizer) Token(id int32) string {
	if id < 0 || int(id) >= len(t.tokens) {
		return ""
	}
	return t.tokens[id]
}

// Special reports whether id is an added token marked as special.
func (t *Tokenizer) Special(id int32) bool {
	return id >= 0 && int(id) < len(t.special) && t.special[id]
}

// Added returns the id of the added token that text begins with, the longest if
// there are several, and its length in bytes.
func (t *Tokenizer) Added(text string) (id int32, length int, ok bool) {
	a, n := t.raw.longest(text)
	if b, m := t.normalized.longest(text); m > n {
		a, n = b, m
	}
	if n == 0 {
		return 0, 0, false
	}
	return a.id, n, true
}

// Size returns one more than the largest id, added tokens included.
func (t *Tokenizer) Size() int { return len(t.tokens) }

// Digest returns the SHA-256 of the bytes of tokenizer.json.
func (t *Tokenizer) Digest() [32]byte { return t.digest }
