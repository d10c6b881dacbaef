package dataset

import "crypto/sha256"

// Identify returns the identities of one record as it stands on a line of a JSON
// Lines file, whose keys mean what fields say. A record that says nothing in them
// has an ID all the same: ok is false then. Errors are as for ParseRecord.
func Identify(data []byte, fields Fields) (r Record, ok bool, err error) {
	v, err := newParser().record(data)
	if err != nil {
		return Record{}, false, (&place{path: "record"}).error(err)
	}
	if r, err = newDecoder(&interned{whole: true}, &Source{Fields: fields}).record(v); err == nil {
		return r, true, nil
	}
	return Record{ID: sha256.Sum256(appendCanonical(nil, v))}, false, nil
}
