package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/gowebpki/jcs"
)

// ErrNumber is wrapped by errors about integers that are others to readers which
// have only doubles.
var ErrNumber = errors.New("integer beyond 2^53 that no double holds")

// Canonical returns v as canonical JSON (RFC 8785). The error wraps ErrNumber if
// v holds an integer that a double doesn't: RFC 8785 would round it in silence.
func Canonical(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("canonical JSON: %w", err)
	}
	return Canonicalize(b.Bytes())
}

// Canonicalize returns JSON in its canonical form; errors are as for Canonical.
func Canonicalize(data []byte) ([]byte, error) {
	if n := inexact(data); n != nil {
		return nil, fmt.Errorf("canonical JSON: %w: %s", ErrNumber, n)
	}
	data, err := jcs.Transform(data)
	if err != nil {
		return nil, fmt.Errorf("canonical JSON: %w", err)
	}
	return data, nil
}

// inexact returns the first integer of a JSON text that would become another, nil
// if there is none. Large doubles without a fraction look like integers too.
func inexact(data []byte) []byte {
	const most = 15 // digits that every double holds
	inString := false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '\\' && inString:
			i++
		case c == '"':
			inString = !inString
		case !inString && c >= '0' && c <= '9':
			start := i
			for i < len(data) && data[i] >= '0' && data[i] <= '9' {
				i++
			}
			digits := data[start:i]
			fraction := i < len(data) && (data[i] == '.' || data[i] == 'e' || data[i] == 'E')
			if !fraction && len(digits) > most {
				if f, err := strconv.ParseFloat(string(digits), 64); err != nil || strconv.FormatFloat(f, 'f', -1, 64) != string(digits) {
					return digits
				}
			}
			for i < len(data) && bytes.IndexByte([]byte(".eE+-0123456789"), data[i]) >= 0 {
				i++
			}
			i-- // the loop goes on after the number
		}
	}
	return nil
}
