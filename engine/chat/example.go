package chat

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"daybook/engine"
)

// LossOn says which tokens are targets.
type LossOn int

// The choices of LossOn.
const (
	Assistant LossOn = iota // contents of assistant turns and their end-of-turn markers
	All                     // every token but the first
)

const assistant = "assistant" // the role

// ParseLossOn reads "assistant" or "all".
func ParseLossOn(s string) (LossOn, bool) {
	switch s {
	case "assistant":
		return Assistant, true
	case "all":
		return All, true
	}
	return 0, false
}

// String returns the name that ParseLossOn reads.
func (l LossOn) String() string {
	if l == All {
		return "all"
	}
	return "assistant"
}

var (
	// ErrNoAssistant reports a conversation in which no assistant speaks, so
	// that there is nothing to learn from it.
	ErrNoAssistant = errors.New("no assistant turn")
	// ErrPrompt reports turns that cannot be a prompt.
	ErrPrompt = errors.New("no turn to answer")
)

// Example encodes a conversation for training or for measuring a loss. One turn of
// plain text is encoded as it is, between what the tokenizer's file puts around a
// text and the end-of-sequence token, and all of it is learnt.
// Targets are shifted: position t has Tokens[t+1] as its target if on says so,
// else engine.Ignore, as has the last position. Tokens beyond maxLen are cut off
// the end and counted in Truncated; 0 means no limit. Record is left 0.
//
// ID is SHA-256 over the ASCII line "daybook example 1\n" and then, for each
// position, token and target as little-endian 32-bit integers.
//
// It returns an error wrapping ErrNoAssistant where no assistant speaks, and a
// *SpanError where an assistant's text cannot be found in the rendered one.
func (e *Encoder) Example(turns []engine.Turn, on LossOn, maxLen int) (engine.Example, error) {
	if len(turns) == 1 && turns[0].Role == engine.PlainText {
		return shifted(e.plain(turns[0].Content), func(int) bool { return true }, maxLen), nil
	}
	if !slices.ContainsFunc(turns, func(t engine.Turn) bool { return t.Role == assistant }) {
		return engine.Example{}, fmt.Errorf("chat: %w", ErrNoAssistant)
	}
	text, err := e.tmpl.Render(turns, false)
	if err != nil {
		return engine.Example{}, err
	}
	if on == All {
		return shifted(e.tok.Encode(text), func(int) bool { return true }, maxLen), nil
	}
	spans, err := e.spans(turns, text)
	if err != nil {
		return engine.Example{}, err
	}
	tokens, places := e.tok.EncodeSpans(text)
	next := 0 // first span that does not end before the token; both ascend
	return shifted(tokens, func(t int) bool {
		for next < len(spans) && spans[next].End <= places[t].Start {
			next++
		}
		return next < len(spans) && spans[next].Overlaps(places[t])
	}, maxLen), nil
}

// plain returns the tokens of a text that no template is put around.
func (e *Encoder) plain(text string) []int32 {
	tokens := e.tok.Frame(e.tok.Encode(text))
	if eos, ok := e.tok.ID(e.tmpl.tokens["eos_token"]); ok && (len(tokens) == 0 || tokens[len(tokens)-1] != eos) {
		tokens = append(tokens, eos)
	}
	return tokens
}

// shifted makes an example of tokens, of which learn says whether the one at t is
// a target; it is asked in order.
func shifted(tokens []int32, learn func(t int) bool, maxLen int) engine.Example {
	ex := engine.Example{Tokens: tokens}
	if maxLen > 0 && len(ex.Tokens) > maxLen {
		ex.Truncated = len(ex.Tokens) - maxLen
		ex.Tokens = ex.Tokens[:maxLen:maxLen]
	}
	ex.Targets = make([]int32, len(ex.Tokens))
	for t := range ex.Targets {
		ex.Targets[t] = engine.Ignore
		if t+1 < len(ex.Tokens) && learn(t+1) {
			ex.Targets[t] = ex.Tokens[t+1]
		}
	}
	ex.ID = exampleID(ex.Tokens, ex.Targets)
	return ex
}

func exampleID(tokens, targets []int32) [32]byte {
	buf := make([]byte, 0, 18+8*len(tokens))
	buf = append(buf, "daybook example 1\n"...)
	for t := range tokens {
		buf = binary.LittleEndian.AppendUint32(buf, uint32(tokens[t]))
		buf = binary.LittleEndian.AppendUint32(buf, uint32(targets[t]))
	}
	return sha256.Sum256(buf)
}
