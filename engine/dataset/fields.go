package dataset

// field is one key of a record beside its turns.
type field struct {
	name  *string // one for all records
	value *boxed  // nil where it is too long to be kept
}

// boxed is a value that records share. A pointer takes half the room of an any.
type boxed struct{ v any }

const (
	longField    = 256     // bytes of canonical JSON; longer values are read again
	internedMost = 1 << 16 // different values that are looked for among those before
)

// interned keeps names and values of fields, equal ones once.
type interned struct {
	names  map[string]*string
	byText map[string]*boxed
	whole  bool // keep long ones too
}

func (in *interned) name(s string) *string {
	if p, ok := in.names[s]; ok {
		return p
	}
	if in.names == nil {
		in.names = map[string]*string{}
	}
	if len(in.names) < internedMost {
		in.names[s] = &s
	}
	return &s
}

// value returns a parsed value whose canonical JSON is text, nil if it is too long.
func (in *interned) value(v any, text []byte) *boxed {
	if len(text) > longField && !in.whole {
		return nil
	}
	if b, ok := in.byText[string(text)]; ok {
		return b
	}
	b := &boxed{plain(v)}
	if len(in.byText) < internedMost {
		if in.byText == nil {
			in.byText = map[string]*boxed{}
		}
		in.byText[string(text)] = b
	}
	return b
}
