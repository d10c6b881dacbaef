package tokenizer

import (
	"slices"
	"strings"
)

// Stream decodes tokens as they come. What it returns, put together, is what
// Decode makes of all of them, without special tokens: text that a later token
// could still change, such as an incomplete character, is held back until it
// can't.
type Stream struct {
	tok *Tokenizer
	// Of the tokens so far those that decide what the next add: decoding all of
	// them every time would take quadratic time.
	ids   []int32
	clean int  // of ids, how many there were when all text was last returned
	sent  int  // bytes of the text of ids that were returned
	byRun bool // bytes are tokens, and what a run of them means is known at its end
	late  bool // a decoder looks across tokens, so that nothing is sure before the end
}

// streamWindow is from how many tokens on those are forgotten that don't matter
// any more.
const streamWindow = 32

// NewStream returns a stream that has had no token.
func (t *Tokenizer) NewStream() *Stream {
	s := &Stream{tok: t}
	joined := false
	for _, d := range t.decoders {
		switch d.kind {
		case "ByteLevel", "Fuse":
			joined = true
		case "ByteFallback":
			s.byRun = true
		case "Replace":
			s.late = s.late || joined
		}
	}
	return s
}

// Add takes the next token and returns the text that is now sure, often "".
func (s *Stream) Add(id int32) string {
	if id < 0 || int(id) >= len(s.tok.written) || s.tok.special[id] {
		return "" // as Decode leaves it out
	}
	s.ids = append(s.ids, id)
	if s.late {
		return ""
	}
	if _, isByte := fallbackByte(s.tok.written[id]); s.byRun && isByte {
		return ""
	}
	text := s.tok.Decode(s.ids, true)
	if strings.HasSuffix(text, "\uFFFD") {
		return ""
	}
	out := text[s.sent:]
	s.sent = len(text)
	s.forget()
	return out
}

// forget drops tokens when all text has been returned. Those that are kept began
// when it had been, too, and have a text of their own: what decoders do at the
// beginning of a text, such as stripping a space, is done within it.
func (s *Stream) forget() {
	if len(s.ids) >= streamWindow {
		kept := s.ids[s.clean:]
		if text := s.tok.Decode(kept, true); text != "" {
			s.ids, s.sent = slices.Clone(kept), len(text)
		}
	}
	s.clean = len(s.ids)
}

// Rest returns what was held back, when no token follows.
func (s *Stream) Rest() string {
	text := s.tok.Decode(s.ids, true)
	out := text[s.sent:]
	s.sent = len(text)
	return out
}
