package chat

import (
	"fmt"
	"strings"
	"unicode"

	"daybook/engine"
	"daybook/engine/tokenizer"
)

// SpanError reports an assistant turn whose text cannot be told from the rest
// of the rendered conversation.
type SpanError struct {
	Turn   int    // index in the conversation
	Origin string // of the template
}

func (e *SpanError) Error() string {
	return fmt.Sprintf("chat: %s: turn %d: the assistant's text cannot be found in what the template makes of it", e.Origin, e.Turn)
}

// spans returns the bytes of text, which is turns rendered, that the assistant
// wrote: for each of its turns the content and the end-of-turn marker, with the
// tokens that close the turn right after it.
//
// A span begins where the prompt that asks for the turn ends, since the model
// has to write everything after that. Where the prompt is not a beginning of
// text (a template may change earlier turns once there are later ones) the
// content is found by rendering with a sentinel in its place.
func (e *Encoder) spans(turns []engine.Turn, text string) ([]tokenizer.Span, error) {
	var spans []tokenizer.Span
	done := 0
	for i, turn := range turns {
		if turn.Role != assistant {
			continue
		}
		s, ok := e.afterPrompt(turns, i, text)
		if !ok {
			s, ok = e.atSentinel(turns, i, text)
		}
		if !ok {
			s, ok = locate(turn.Content, text, done)
		}
		if !ok || s.Start < done {
			return nil, &SpanError{Turn: i, Origin: e.tmpl.origin}
		}
		if strings.HasPrefix(text[s.End:], e.end) {
			s.End += len(e.end)
			if strings.HasPrefix(text[s.End:], e.more) {
				s.End += len(e.more)
			}
		}
		spans = append(spans, s)
		done = s.End
	}
	return spans, nil
}

// afterPrompt finds turn i by the prompt that asks for it. The span it returns
// ends with the content.
func (e *Encoder) afterPrompt(turns []engine.Turn, i int, text string) (tokenizer.Span, bool) {
	if i == 0 {
		return tokenizer.Span{}, false // templates need not render an empty conversation
	}
	prompt, err := e.tmpl.Render(turns[:i], true)
	if err != nil {
		// A template may refuse a beginning, such as one that ends with an
		// assistant's turn; the whole conversation was fine.
		return tokenizer.Span{}, false
	}
	rest, ok := strings.CutPrefix(text, prompt)
	if !ok {
		return tokenizer.Span{}, false
	}
	start := len(prompt)
	content := turns[i].Content
	trimmed := strings.TrimSpace(content)
	for _, form := range []string{content, e.lead + content, trimmed, e.lead + trimmed} {
		if strings.HasPrefix(rest, form) && strings.HasPrefix(rest[len(form):], e.end) {
			return tokenizer.Span{Start: start, End: start + len(form)}, true
		}
	}
	// The template rewrites the content: it lies before the last marker of the turn.
	whole := text
	if i+1 < len(turns) {
		if whole, err = e.tmpl.Render(turns[:i+1], false); err != nil {
			return tokenizer.Span{}, false
		}
	}
	if !strings.HasPrefix(text, whole) || len(whole) < start {
		return tokenizer.Span{}, false
	}
	written := strings.TrimRightFunc(text[start:len(whole)], unicode.IsSpace)
	if e.end != "" {
		n := strings.LastIndex(written, e.end)
		if n < 0 {
			return tokenizer.Span{}, false
		}
		written = written[:n]
	}
	return tokenizer.Span{Start: start, End: start + len(written)}, true
}

// atSentinel finds turn i by rendering the conversation with a sentinel as its content.
func (e *Encoder) atSentinel(turns []engine.Turn, i int, text string) (tokenizer.Span, bool) {
	marked := append([]engine.Turn(nil), turns...)
	marked[i].Content = sentinel
	rendered, err := e.tmpl.Render(marked, false)
	if err != nil {
		return tokenizer.Span{}, false
	}
	before, after, ok := strings.Cut(rendered, sentinel)
	if !ok || len(before)+len(after) > len(text) || !strings.HasPrefix(text, before) || !strings.HasSuffix(text, after) {
		return tokenizer.Span{}, false
	}
	return tokenizer.Span{Start: len(before), End: len(text) - len(after)}, true
}

// locate finds content in text from byte done on, if it occurs there just once.
func locate(content, text string, done int) (tokenizer.Span, bool) {
	content = strings.TrimSpace(content)
	if content == "" || strings.Count(text[done:], content) != 1 {
		return tokenizer.Span{}, false
	}
	at := done + strings.Index(text[done:], content)
	return tokenizer.Span{Start: at, End: at + len(content)}, true
}
