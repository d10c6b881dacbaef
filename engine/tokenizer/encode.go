package tokenizer

// encode runs the pipeline of the tokenizers library: added tokens of the raw
// text, normalizer, added tokens of the normalized text, pre-tokenizer, model.
func (t *Tokenizer) encode(text string, spans bool) ([]int32, []Span) {
	e := encoder{t: t, spans: spans}
	e.ids = make([]int32, 0, len(text)/3+4)
	if spans {
		e.places = make([]Span, 0, len(text)/3+4)
	}
	t.raw.split(text, func(start, end int) {
		e.normalized(normalizeAll(t.normalizers, piece{text: text[start:end], at: start}, spans))
	}, func(id int32, start, end int) {
		e.add(id, Span{start, end})
	})
	return e.ids, e.places
}

type encoder struct {
	t      *Tokenizer
	spans  bool
	ids    []int32
	places []Span
}

func (e *encoder) add(id int32, at Span) {
	e.ids = append(e.ids, id)
	if e.spans {
		e.places = append(e.places, at)
	}
}

func (e *encoder) normalized(p piece) {
	e.t.normalized.split(p.text, func(start, end int) {
		e.t.cut(p.cut(start, end), e.spans, e.word)
	}, func(id int32, start, end int) {
		e.add(id, p.span(start, end))
	})
}

func (e *encoder) word(p piece) {
	e.t.model.encode(p.text, func(start int, tokens []symbol) {
		for _, s := range tokens {
			e.ids = append(e.ids, s.id)
			if e.spans {
				e.places = append(e.places, p.span(start+int(s.start), start+int(s.end)))
			}
		}
	})
}
