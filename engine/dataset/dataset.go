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
// Dataset.Digest is plain SHA-256 of the file's bytes, or over the files' digests
// where there are several. Root is the RFC 6962 Merkle root of a list of
// identities; Keyed hides one behind a secret key.
//
// # Files
//
// A file is JSON Lines, a JSON array, CSV (or TSV, by the name), or Parquet, told
// apart by how it begins. All make the same records: an object with a value for
// each key or column. A CSV cell is a string and an empty one null; a Parquet
// column has the JSON type that is nearest.
//
// What a record says is found in its keys, the first of these that it has:
//
//	messages                          [{role, content}, ...]
//	conversations                     [{from, value}, ...], as ShareGPT has it
//	prompt, completion                and optionally system
//	instruction, (input,) output      and optionally system
//	text                              plain text, learnt whole, without a template
//
// or in the keys that Source.Fields names. The other keys are the record's fields.
// Roles are system, user and assistant, for which ShareGPT has human and gpt, and
// text, of the one turn that plain text is. An input that is not empty is part of the
// user's turn, after the instruction and an empty line.
//
// # Memory
//
// A Dataset is an index: identities, places and short field values, some 400 bytes
// a record whatever its length. Texts of files beyond 64 MiB stay on disk, and are
// read again, and checked against their identity, when they are asked for.
//
// The package tokenizes nothing and writes nothing, and it knows no specs: a
// caller converts what a sweep says into Source, SplitConfig and Selector.
package dataset

import (
	"encoding/hex"
	"fmt"
	"strings"

	"daybook/engine"
)

// Dataset is the records of one or more files.
type Dataset struct {
	Path    string   // of the first file, as given to Open
	Digest  [32]byte // SHA-256 of exactly the bytes read; see the package comment for several files
	Bytes   int64    // how many those were
	Files   []File   // in the order read
	Records []Record // in file order; Records[i].Index == i

	tables []table // by file; nil where all records are in memory
}

// File is one file of a dataset.
type File struct {
	Path    string
	Digest  [32]byte
	Bytes   int64
	Records int
	// Terms says what was declared of the records: for each of Source.Terms, how
	// many records there are of each value, "" for none.
	Terms map[string]map[string]int

	source *Source
}

// Fields returns the fields that its source names.
func (f *File) Fields() Fields { return f.source.Fields }

// Record is one training or evaluation example.
type Record struct {
	Index     int      // position in the dataset, from 0
	Line      int      // line in the file, from 1; of Parquet the row
	ID        [32]byte // SHA-256 of the canonical record
	ContentID [32]byte // SHA-256 of the normalised turns
	PromptID  [32]byte // SHA-256 of the normalised turns before the last
	BlankID   [32]byte // SHA-256 of the canonical record without its last turn's content

	data   *Dataset // nil for a record by itself
	file   int
	at     rowPlace
	turns  []engine.Turn // nil if it has to be read again
	fields []field
}

// Turns returns what the record says. It fails where the file has changed since.
func (r *Record) Turns() ([]engine.Turn, error) {
	if r.turns != nil {
		return r.turns, nil
	}
	rec, err := r.again()
	return rec.turns, err
}

// again reads the record from its file.
func (r *Record) again() (Record, error) {
	f := &r.data.Files[r.file]
	table := r.data.tables[r.file]
	value, err := table.row(r.at)
	if err != nil {
		return Record{}, table.explain(r.at, err)
	}
	rec, err := newDecoder(&interned{whole: true}, f.source).record(value)
	if err != nil {
		return Record{}, table.explain(r.at, err)
	}
	if rec.ID != r.ID {
		return Record{}, table.explain(r.at, faultf(-1, "leave the files alone while they are used", "%w", ErrChanged))
	}
	return rec, nil
}

// Path returns the path of the record's file, "" for a record by itself.
func (r *Record) Path() string {
	if r.data == nil {
		return ""
	}
	return r.data.Files[r.file].Path
}

// Place returns "path:line".
func (r *Record) Place() string { return fmt.Sprintf("%s:%d", r.Path(), r.Line) }

// Close closes the files that records are still read from.
func (d *Dataset) Close() error {
	var first error
	for _, t := range d.tables {
		if err := t.close(); err != nil && first == nil {
			first = err
		}
	}
	d.tables = nil
	return first
}

// shortID is how many hex digits of an identity are shown: 48 bits, enough to
// tell millions of records apart.
const shortID = 12

// NameField is the field that names a record to people.
const NameField = "id"

// Name returns what people call the record: its "id" field if that is a
// non-empty string, else the first 12 hex digits of its ID.
func (r *Record) Name() string {
	if v, _ := r.Field(NameField); v != nil {
		if s, ok := v.(string); ok && s != "" {
			return s
		}
	}
	return hex.EncodeToString(r.ID[:])[:shortID]
}

// Field returns the value of a field by name, as encoding/json would decode it:
// nil, bool, float64, string, []any or map[string]any. A name with dots reaches
// into objects ("tags.quality") unless the record has a key spelled exactly so.
func (r *Record) Field(name string) (any, bool) {
	if v, ok := r.key(name); ok {
		return v, true
	}
	head, rest, dotted := strings.Cut(name, ".")
	if !dotted {
		return nil, false
	}
	v, ok := r.key(head)
	inner, isObject := v.(map[string]any)
	if !ok || !isObject {
		return nil, false
	}
	return lookup(inner, rest)
}

// key returns the value of a key that is no part of what the record says.
func (r *Record) key(name string) (any, bool) {
	for _, f := range r.fields {
		if *f.name != name {
			continue
		}
		if f.value != nil {
			return f.value.v, true
		}
		rec, err := r.again() // too long to be kept
		if err != nil {
			return nil, false
		}
		return rec.key(name)
	}
	return nil, false
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
