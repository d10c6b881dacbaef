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
		s := text[start:end]
		var origin alignment
		if t.nfc {
			s, origin = nfc(s)
		}
		e.segment(s, start, origin)
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

// segment encodes normalized text that began at byte offset of the original.
func (e *encoder) segment(s string, offset int, origin alignment) {
	place := func(start, end int) Span {
		sp := origin.original(start, end)
		return Span{offset + sp.Start, offset + sp.End}
	}
	e.t.normalized.split(s, func(start, end int) {
		e.t.words(s[start:end], func(w word) {
			for _, p := range e.t.model.encode(w.text) {
				e.ids = append(e.ids, p.id)
				if e.spans {
					from, to := w.span(int(p.start), int(p.end))
					e.places = append(e.places, place(start+from, start+to))
				}
			}
		})
	}, func(id int32, start, end int) {
		e.add(id, place(start, end))
	})
}
