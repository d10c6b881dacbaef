package dataset

import "strings"

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
	lookedMost   = 1 << 12 // values of a name looked for before that is given up
)

// interned keeps names and values of fields, equal ones once.
type interned struct {
	names  map[string]*named
	byText map[string]*boxed
	whole  bool // keep long ones too
}

// named is the name of a field, and how often a value of it had come before.
type named struct {
	name          string
	looked, found int
}

func (in *interned) name(s string) *named {
	if p, ok := in.names[s]; ok {
		return p
	}
	p := &named{name: strings.Clone(s)}
	if in.names == nil {
		in.names = map[string]*named{}
	}
	if len(in.names) < internedMost {
		in.names[p.name] = p
	}
	return p
}

// field returns a member whose value has the canonical JSON text; without the value
// if that is too long.
func (in *interned) field(m member, text []byte) field {
	n := in.name(m.key)
	f := field{name: &n.name}
	if len(text) > longField && !in.whole {
		return f
	}
	if n.looked > lookedMost && n.found < n.looked/8 { // such as the ID of the record
		f.value = &boxed{plain(m.value)}
		return f
	}
	n.looked++
	if b, ok := in.byText[string(text)]; ok {
		n.found++
		f.value = b
		return f
	}
	f.value = &boxed{plain(m.value)}
	if len(in.byText) < internedMost {
		if in.byText == nil {
			in.byText = map[string]*boxed{}
		}
		in.byText[string(text)] = f.value
	}
	return f
}
