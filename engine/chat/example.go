package chat

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"daybook/engine"
	"daybook/engine/tokenizer"
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

// Example encodes a conversation for training or for measuring a loss.
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
	if !slices.ContainsFunc(turns, func(t engine.Turn) bool { return t.Role == assistant }) {
		return engine.Example{}, fmt.Errorf("chat: %w", ErrNoAssistant)
	}
	text, err := e.tmpl.Render(turns, false)
	if err != nil {
		return engine.Example{}, err
	}
	var ex engine.Example
	var learn func(t int) bool // whether token t is a target
	if on == All {
		ex.Tokens = e.tok.Encode(text)
		learn = func(int) bool { return true }
	} else {
		spans, err := e.spans(turns, text)
		if err != nil {
			return engine.Example{}, err
		}
		var places []tokenizer.Span
		ex.Tokens, places = e.tok.EncodeSpans(text)
		next := 0 // first span that does not end before the token; both ascend
		learn = func(t int) bool {
			for next < len(spans) && spans[next].End <= places[t].Start {
				next++
			}
			return next < len(spans) && spans[next].Overlaps(places[t])
		}
	}
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
	return ex, nil
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
