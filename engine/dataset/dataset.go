// Package dataset reads training records, gives them identities, splits them
// into training, validation and test, and selects subsets of them.
//
// # Identities
//
// Record.ID is SHA-256 over the canonical JSON (RFC 8785) of the whole record:
// it does not depend on key order, spacing or escapes. Numbers whose canonical
// form is an integer beyond ±2^53 are refused, because two different integers
// would get one identity, and so are duplicate keys.
//
// Record.ContentID covers the turns alone, so that the same example with other
// tags, or in another file shape, has the same one:
//
//	SHA-256("daybook content 1\n" || for each turn: len(role) role len(content) content)
//
// with lengths as 8-byte big-endian counts of bytes, and content normalised:
// Unicode NFC, CR LF and lone CR turned into LF, outer white space trimmed.
//
// What is held out may not depend on the answers held out, so a split orders
// records by two identities that no answer is part of. Record.PromptID is the
// content ID of the turns before the last; Record.BlankID is Record.ID with the
// last turn's content empty.
//
// Dataset.Digest is plain SHA-256 of the file's bytes. Root is the RFC 6962
// Merkle root of a list of identities; Keyed hides one behind a secret key.
//
// The package tokenizes nothing and writes nothing, and it knows no specs: a
// caller converts what a sweep says into SplitConfig and Selector.
package dataset

import (
	"encoding/hex"
	"strings"

	"daybook/engine"
)

// Dataset is a file of records in memory.
type Dataset struct {
	Path    string   // as given to Open
	Digest  [32]byte // SHA-256 of exactly the bytes read
	Bytes   int64    // how many those were
	Records []Record // in file order; Records[i].Index == i
}

// Record is one training or evaluation example.
type Record struct {
	Index     int      // position in the dataset, from 0
	Line      int      // line in the file, from 1
	ID        [32]byte // SHA-256 of the canonical record
	ContentID [32]byte // SHA-256 of the normalised turns
	PromptID  [32]byte // SHA-256 of the normalised turns before the last
	BlankID   [32]byte // SHA-256 of the canonical record without its last turn's content
	Turns     []engine.Turn
	// Fields are the record's keys other than its turns, decoded as
	// encoding/json would: nil, bool, float64, string, []any, map[string]any.
	Fields map[string]any
}

// shortID is how many hex digits of an identity are shown: 48 bits, enough to
// tell millions of records apart.
const shortID = 12

// NameField is the field that names a record to people.
const NameField = "id"

// Name returns what people call the record: its "id" field if that is a
// non-empty string, else the first 12 hex digits of its ID.
func (r *Record) Name() string {
	if s, ok := r.Fields[NameField].(string); ok && s != "" {
		return s
	}
	return hex.EncodeToString(r.ID[:])[:shortID]
}

// Field returns the value of a field by name. A name with dots reaches into
// objects ("tags.quality") unless the record has a key spelled exactly so.
func (r *Record) Field(name string) (any, bool) {
	return lookup(r.Fields, name)
}

func lookup(m map[string]any, name string) (any, bool) {
	if v, ok := m[name]; ok {
		return v, true
	}
	head, rest, dotted := strings.Cut(name, ".")
	if !dotted {
		return nil, false
	}
	inner, ok := m[head].(map[string]any)
	if !ok {
		return nil, false
	}
	return lookup(inner, rest)
}

// All returns the indexes of every record, in order.
func (d *Dataset) All() []int {
	all := make([]int, len(d.Records))
	for i := range all {
		all[i] = i
	}
	return all
}
