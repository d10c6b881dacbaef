package runner

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"daybook/engine/dataset"
	"daybook/ledger"
	"daybook/ledger/evidence"
)

// Subject is a record that the ledger is asked about.
type Subject struct {
	Name  string // what people call it: its own id, if it has one
	Given string // where it was read, a file or a line of one; "" if it was given as an ID or a text
	// Readings are its identities in the clear: one for each way in which its keys
	// can be read.
	Readings []map[evidence.Identity][32]byte
	Limit    string // what the answer can't tell, because of how the record was given; "" if nothing

	text []byte // the record as JSON, nil where only an ID is known
}

// What is said of records that can't be compared by what they say.
const (
	limitText = "taken as a record of that plain text: it is compared with what whole records say, not with their single turns"
	limitKeys = "it says nothing under the keys that a sweep reads: it was looked for as this very record alone, not by what it says"
)

// NewSubject returns the record of a text: one record as JSON, whose keys mean what
// they usually do or what one of fields says, or plain text.
func NewSubject(text []byte, fields []dataset.Fields) (Subject, error) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return Subject{}, errors.New("record: it is empty")
	}
	if !bytes.HasPrefix(text, []byte("{")) {
		record, err := json.Marshal(map[string]string{"text": string(text)})
		if err != nil {
			return Subject{}, fmt.Errorf("record: %w", err)
		}
		s, err := NewSubject(record, nil)
		s.Name = "the text"
		for _, reading := range s.Readings { // nobody said that there is such a record
			delete(reading, evidence.RecordIdentity)
		}
		s.Limit = limitText
		return s, err
	}
	s := Subject{text: text}
	for _, f := range append([]dataset.Fields{{}}, fields...) {
		r, ok, err := dataset.Identify(text, f)
		if err != nil {
			return Subject{}, err
		}
		if s.Name == "" {
			s.Name = r.Name()
		}
		if !ok {
			continue
		}
		turns, err := r.Turns()
		if err != nil {
			return Subject{}, err
		}
		reading := map[evidence.Identity][32]byte{
			evidence.RecordIdentity: r.ID, evidence.ContentIdentity: r.ContentID, evidence.NearIdentity: dataset.NearID(turns),
		}
		if !slices.ContainsFunc(s.Readings, func(known map[evidence.Identity][32]byte) bool { return known[evidence.ContentIdentity] == r.ContentID }) {
			s.Readings = append(s.Readings, reading)
		}
	}
	if len(s.Readings) == 0 { // nothing that any sweep would have read
		s.Limit = limitKeys
		r, _, err := dataset.Identify(text, dataset.Fields{})
		if err != nil {
			return Subject{}, err
		}
		s.Readings = append(s.Readings, map[evidence.Identity][32]byte{evidence.RecordIdentity: r.ID})
	}
	return s, nil
}

// SubjectOf returns the record with an identity, whichever it is: 64 hex digits.
func SubjectOf(id ledger.Digest) (s Subject, ok bool) {
	if !isDigest(id) {
		return Subject{}, false
	}
	raw, _ := hex.DecodeString(id) // isDigest has looked
	reading := map[evidence.Identity][32]byte{}
	for _, identity := range evidence.Identities() {
		reading[identity] = [32]byte(raw)
	}
	return Subject{Name: strings.ToLower(id[:12]), Readings: []map[evidence.Identity][32]byte{reading}}, true
}

// asked returns the identities that some reading has, in their order.
func (s Subject) asked() (out []evidence.Identity) {
	for _, identity := range evidence.Identities() {
		if slices.ContainsFunc(s.Readings, func(reading map[evidence.Identity][32]byte) bool { _, ok := reading[identity]; return ok }) {
			out = append(out, identity)
		}
	}
	return out
}

// sought is what the index is asked for.
func (s Subject) sought(key []byte) []ledger.Sought {
	root := evidence.RootKey(key)
	var out []ledger.Sought
	for _, reading := range s.Readings {
		v := ledger.Sought{Indexed: map[evidence.Identity][32]byte{}, Earlier: map[evidence.Identity][32]byte{}}
		for identity, id := range reading {
			v.Indexed[identity], v.Earlier[identity] = evidence.Keyed(root, id), dataset.Keyed(key, id)
		}
		out = append(out, v)
	}
	return out
}

// RecordedFields returns what sweeps in the ledger say of the keys of their records.
func RecordedFields(ctx context.Context, l *ledger.Ledger) ([]dataset.Fields, error) {
	specs, err := l.DataSpecs(ctx)
	if err != nil {
		return nil, err
	}
	var out []dataset.Fields
	for _, text := range specs {
		var sources []struct {
			Fields dataset.Fields `json:"fields"`
		}
		if json.Unmarshal(text, &sources) != nil {
			continue // one source, by its path alone
		}
		for _, s := range sources {
			if s.Fields != (dataset.Fields{}) && !slices.Contains(out, s.Fields) {
				out = append(out, s.Fields)
			}
		}
	}
	return out, nil
}
