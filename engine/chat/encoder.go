package chat

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"daybook/engine"
	"daybook/engine/tokenizer"
)

// Encoder encodes conversations for training and prompts for generation. It is
// safe for concurrent use.
type Encoder struct {
	tok      *tokenizer.Tokenizer
	tmpl     *Template
	lead     string // what the template writes between the prompt and the content
	end      string // end-of-turn marker, with white space the template puts before it
	more     string // tokens of their own that directly follow the marker
	stop     []int32
	stopText string
}

// sentinel stands for a content when probing a template: private-use
// characters, which no template looks for.
const sentinel = "\uE0F7daybook\uE0F8"

// New learns from a probe how tmpl ends an assistant turn. It fails if the
// template cannot render one user turn and its answer.
func New(tok *tokenizer.Tokenizer, tmpl *Template) (*Encoder, error) {
	e := &Encoder{tok: tok, tmpl: tmpl}
	ask := []engine.Turn{{Role: "user", Content: "?"}}
	prompt, err := tmpl.Render(ask, true)
	if err != nil {
		return nil, err
	}
	text, err := tmpl.Render(append(ask, engine.Turn{Role: "assistant", Content: sentinel}), false)
	if err != nil {
		return nil, err
	}
	before, after, ok := strings.Cut(text, sentinel)
	if !ok {
		return nil, fmt.Errorf("chat: %s: it leaves out the assistant's content", tmpl.origin)
	}
	if rest, ok := strings.CutPrefix(before, prompt); ok {
		e.lead = rest
	}
	e.learnEnd(after)
	for _, id := range tmpl.eos {
		if tok.Token(id) != "" {
			e.stop = append(e.stop, id)
		}
	}
	if id, ok := tok.ID(tmpl.tokens["eos_token"]); ok {
		e.stop = append(e.stop, id)
	}
	slices.Sort(e.stop)
	e.stop = slices.Compact(e.stop)
	return e, nil
}

// learnEnd takes what the template writes after the last assistant content.
func (e *Encoder) learnEnd(after string) {
	marker := strings.TrimLeftFunc(after, unicode.IsSpace)
	blank := after[:len(after)-len(marker)]
	if id, n, ok := e.tok.Added(marker); ok {
		e.end = blank + marker[:n]
		e.stop = append(e.stop, id)
		rest := marker[n:]
		for ok {
			if _, n, ok = e.tok.Added(rest); ok {
				e.more += rest[:n]
				rest = rest[n:]
			}
		}
		return
	}
	if i := strings.IndexAny(marker, "\r\n"); i >= 0 {
		marker = marker[:i]
	}
	marker = strings.TrimRightFunc(marker, unicode.IsSpace)
	if marker != "" {
		e.end = blank + marker
		e.stopText = marker
	}
}

// Prompt returns the tokens that ask for the next assistant turn. The last of
// turns must not be an assistant's: it would be the answer.
func (e *Encoder) Prompt(turns []engine.Turn) ([]int32, error) {
	if n := len(turns); n == 0 || turns[n-1].Role == assistant {
		return nil, fmt.Errorf("chat: %w: the last turn has to be another's than the assistant's", ErrPrompt)
	}
	text, err := e.tmpl.Render(turns, true)
	if err != nil {
		return nil, err
	}
	return e.tok.Encode(text), nil
}

// Stop returns the tokens that end a generated turn, in ascending order: the
// end-of-turn token, if it is one, and the base's end-of-sequence tokens.
func (e *Encoder) Stop() []int32 { return slices.Clone(e.stop) }

// StopText returns the text that ends a turn where the tokenizer has no token
// for it, "" where Stop is enough.
func (e *Encoder) StopText() string { return e.stopText }

// Ended reports whether the tokens generated so far end the turn: the last is
// one of Stop, or the text has just come to contain StopText. Called after each
// token, it looks only as far back as StopText can reach.
func (e *Encoder) Ended(ids []int32) bool {
	if len(ids) == 0 {
		return false
	}
	if slices.Contains(e.stop, ids[len(ids)-1]) {
		return true
	}
	if e.stopText == "" {
		return false
	}
	// A token stands for at least one byte, so the marker and the token that
	// completed it lie within this many.
	tail := ids[max(0, len(ids)-len(e.stopText)):]
	var b strings.Builder
	for _, id := range tail {
		b.WriteString(e.tok.Bytes(id))
	}
	return strings.Contains(b.String(), e.stopText)
}

// Text returns the answer that generated tokens hold: up to the first of Stop
// or StopText, without special tokens and without what the template writes
// before a content.
func (e *Encoder) Text(ids []int32) string {
	if i := slices.IndexFunc(ids, func(id int32) bool { return slices.Contains(e.stop, id) }); i >= 0 {
		ids = ids[:i]
	}
	text := e.tok.Decode(ids, true)
	if e.stopText != "" {
		text, _, _ = strings.Cut(text, e.stopText)
	}
	return strings.TrimPrefix(text, e.lead)
}
