package tokenizer

// behavior is what becomes of the matches of a Split.
type behavior string

const (
	isolated           behavior = "Isolated"
	removed            behavior = "Removed"
	contiguous         behavior = "Contiguous"
	mergedWithNext     behavior = "MergedWithNext"
	mergedWithPrevious behavior = "MergedWithPrevious"
)

// split is Split: matches of pattern, or if invert what lies between them, are
// treated as how says; the rest is kept as it is.
func split(pattern *automaton, how behavior, invert bool) preTokenizer {
	return func(p piece, _ bool, emit func(piece)) {
		s := splitter{p: p, how: how, emit: emit}
		for i := 0; i < len(p.text); {
			start, end := pattern.find(p.text, i)
			if i < start {
				s.part(i, invert)
			}
			if start < end {
				s.part(start, !invert)
			}
			i = end
		}
		s.flush(len(p.text))
	}
}

// splitter emits parts, which come without gaps, with their neighbours where the
// behavior merges them.
type splitter struct {
	p           piece
	how         behavior
	emit        func(piece)
	from        int // of the parts not yet emitted
	held, match bool
}

// part takes the part that begins at start and ends where the next one begins.
func (s *splitter) part(start int, match bool) {
	if s.held && !s.merges(match) {
		s.flush(start)
	}
	if s.how == removed && match {
		return
	}
	if !s.held {
		s.from = start
	}
	s.held, s.match = true, match
}

// merges reports whether a part goes with the one before it.
func (s *splitter) merges(match bool) bool {
	switch s.how {
	case contiguous:
		return s.match == match
	case mergedWithPrevious: // a match goes to what is before it, unless that is one too
		return match && !s.match
	case mergedWithNext:
		return s.match && !match
	case isolated, removed:
	}
	return false
}

func (s *splitter) flush(end int) {
	if s.held {
		s.emit(s.p.cut(s.from, end))
		s.held = false
	}
}
