package sweeps

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/gowebpki/jcs"
)

// Canonical returns the spec as canonical JSON (RFC 8785), every field
// included. Equal specs have equal bytes.
func (s *Spec) Canonical() ([]byte, error) { return Canonical(s) }

// Canonical returns v as canonical JSON (RFC 8785), which digests are made of.
func Canonical(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("canonical JSON: %w", err)
	}
	data, err = jcs.Transform(data)
	if err != nil {
		return nil, fmt.Errorf("canonical JSON: %w", err)
	}
	return data, nil
}

// number writes f as RFC 8785 does: 16, 0.0002, 1e-7.
func number(f float64) string {
	s, err := jcs.NumberToJSON(f)
	if err != nil {
		return strconv.FormatFloat(f, 'g', -1, 64) // NaN and infinities, for messages
	}
	return s
}
