package chat

import (
	"slices"
	"strings"

	"daybook/engine/tokenizer"
)

// Stream turns a generated answer into text as its tokens come. What it returns,
// put together, is what Text makes of all tokens, cut before a stop text, the first to
// be complete: what could yet turn out to be part of one is held back.
type Stream struct {
	e      *Encoder
	tokens *tokenizer.Stream
	stops  []string // that of the template, then the caller's
	lead   string   // what of Encoder.lead may still come
	held   string
	ended  bool
}

// NewStream returns a stream for one answer, which also ends before the first of
// stops; an empty one stops nothing.
func (e *Encoder) NewStream(stops ...string) *Stream {
	s := &Stream{e: e, tokens: e.tok.NewStream(), lead: e.lead}
	for _, stop := range append([]string{e.stopText}, stops...) {
		if stop != "" {
			s.stops = append(s.stops, stop)
		}
	}
	return s
}

// Add takes the next token. It returns the text that is now sure, often "", and
// whether the answer has ended with this token; no more may be added then.
func (s *Stream) Add(id int32) (text string, ended bool) {
	if slices.Contains(s.e.stop, id) {
		return s.Rest(), true
	}
	return s.take(s.tokens.Add(id), false), s.ended
}

// Rest ends the answer and returns what was held back.
func (s *Stream) Rest() string {
	if s.ended {
		return ""
	}
	text := s.take(s.tokens.Rest(), true)
	s.ended = true
	return text
}

// take returns what is sure of the text held back and more, which is all of it if
// nothing follows.
func (s *Stream) take(more string, last bool) string {
	s.held += more
	if s.lead != "" {
		if !last && strings.HasPrefix(s.lead, s.held) && s.held != s.lead {
			return ""
		}
		s.held, s.lead = strings.TrimPrefix(s.held, s.lead), ""
	}
	if at := firstStop(s.held, s.stops); at >= 0 {
		text := s.held[:at]
		s.held, s.ended = "", true
		return text
	}
	sure := len(s.held)
	for _, stop := range s.stops {
		if !last {
			sure = min(sure, len(s.held)-begun(s.held, stop))
		}
	}
	text := s.held[:sure]
	s.held = s.held[sure:]
	return text
}

// firstStop returns where the stop begins that is complete first, the longer of two,
// -1 if there is none. So it doesn't matter how tokens cut the text.
func firstStop(text string, stops []string) int {
	at, end := -1, len(text)+1
	for _, stop := range stops {
		i := strings.Index(text, stop)
		if last := i + len(stop); i >= 0 && (last < end || last == end && i < at) {
			at, end = i, last
		}
	}
	return at
}

// begun returns how many bytes at the end of text could be the beginning of stop.
func begun(text, stop string) int {
	for n := min(len(stop)-1, len(text)); n > 0; n-- {
		if strings.HasSuffix(text, stop[:n]) {
			return n
		}
	}
	return 0
}
