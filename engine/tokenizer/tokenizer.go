// Package tokenizer turns text into token ids and back, exactly as the Hugging
// Face tokenizers library does with the same tokenizer.json.
//
// It reads byte-pair encoding in the two forms that language models use:
// byte-level (GPT-2, Llama 3, Qwen, SmolLM, Mistral's Tekken) and over
// characters with byte fallback, as SentencePiece makes them (Llama 2, Mistral,
// Gemma). Of the other parts of the file it has
//
//   - normalizers NFC, NFD, NFKC, NFKD, Lowercase, Prepend, Replace, Strip
//   - pre-tokenizers ByteLevel, Split, Digits, Metaspace
//   - decoders ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace
//   - post-processors TemplateProcessing, ByteLevel
//   - Sequences of these, and added tokens with all their flags.
//
// Anything else that would change a token is an error that names it. Expressions
// are compiled to an automaton that reads a text once (see parseExpression for
// what it does not know).
//
// Encode leaves the post-processor out: whoever calls it has a chat template that
// writes the beginning-of-sequence token itself, and applying both would give
// two. Frame applies it, for plain text. Truncation and padding stored in the
// file are settings of whoever saved it, not of the vocabulary, and are not
// applied.
//
// Text that is not UTF-8 is taken as it is: a byte that belongs to no character
// counts as one of its own, U+FFFD to expressions, and is encoded as that byte
// where the vocabulary has bytes, else as unknown.
//
// The package trains no vocabulary and renders no templates.
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
	written    []string // by id, what decoders see; for added tokens after the normalizer
	special    []bool   // by id
	ids        map[string]int32
	raw        *trie // added tokens matched in the text as given
	normalized *trie // added tokens matched after the normalizer
	cut        preTokenizer
	model      *bpe
	frame      frame
	decoders   []decoder

	normalizers []normalizer
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
