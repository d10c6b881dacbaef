package tokenizer

// piece is a part of a text on its way through normalizers and pre-tokenizers,
// which cut it up and rewrite it.
type piece struct {
	text string
	at   int // where it begins in the original
	// from has the bytes of the original that each byte of text came from. It is
	// nil as long as those are at, at+1 and so on, and where nobody asked.
	from []Span
}

// cut returns bytes i..j of p.
func (p piece) cut(i, j int) piece {
	c := piece{text: p.text[i:j], at: p.at + i}
	if p.from != nil {
		c.from = p.from[i:j]
	}
	return c
}

// span returns the bytes of the original that bytes i..j of p came from.
func (p piece) span(i, j int) Span {
	switch {
	case p.from == nil:
		return Span{p.at + i, p.at + j}
	case i < j:
		return Span{p.from[i].Start, p.from[j-1].End}
	case i < len(p.from):
		return Span{p.from[i].Start, p.from[i].Start}
	case i > 0:
		return Span{p.from[i-1].End, p.from[i-1].End}
	}
	return Span{p.at, p.at}
}

// rewriter writes a piece anew.
type rewriter struct {
	source piece
	spans  bool // keep account of where bytes came from
	out    []byte
	from   []Span
}

func rewrite(p piece, spans bool) *rewriter {
	r := &rewriter{source: p, spans: spans, out: make([]byte, 0, len(p.text)+len(p.text)/4+8)}
	if spans {
		r.from = make([]Span, 0, cap(r.out))
	}
	return r
}

// keep takes over bytes i..j of the source.
func (r *rewriter) keep(i, j int) {
	r.out = append(r.out, r.source.text[i:j]...)
	if r.spans {
		for ; i < j; i++ {
			r.from = append(r.from, r.source.span(i, i+1))
		}
	}
}

// put writes text for bytes i..j of the source.
func (r *rewriter) put(text string, i, j int) {
	r.out = append(r.out, text...)
	if r.spans {
		s := r.source.span(i, j)
		for range len(text) {
			r.from = append(r.from, s)
		}
	}
}

// piece returns what was written.
func (r *rewriter) piece() piece {
	return piece{text: string(r.out), at: r.source.at, from: r.from}
}
