package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// recordID returns a record's identity: the SHA-256 of its canonical JSON (RFC 8785).
func recordID(text []byte) ([]byte, error) {
	lines := json.NewDecoder(bytes.NewReader(text))
	var record map[string]any
	if err := lines.Decode(&record); err != nil {
		return nil, fmt.Errorf("it is no record: %w", err)
	}
	if _, err := lines.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("it holds more than one record")
	}
	sum := sha256.Sum256(canonical(nil, record))
	return sum[:], nil
}

// canonical appends the RFC 8785 form of a value decoded by encoding/json.
func canonical(dst []byte, v any) []byte {
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		slices.SortFunc(keys, func(a, b string) int { return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b))) })
		dst = append(dst, '{')
		for i, key := range keys {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(quoted(dst, key), ':')
			dst = canonical(dst, v[key])
		}
		return append(dst, '}')
	case []any:
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = canonical(dst, e)
		}
		return append(dst, ']')
	case string:
		return quoted(dst, v)
	case float64:
		return number(dst, v)
	case bool:
		return strconv.AppendBool(dst, v)
	}
	return append(dst, "null"...)
}

// quoted appends a string as in section 3.2.2.2.
func quoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r >= ' ':
			dst = append(dst, string(r)...)
		default:
			if i := strings.IndexRune("\b\t\n\f\r", r); i >= 0 {
				dst = append(dst, '\\', "btnfr"[i])
			} else {
				dst = fmt.Appendf(dst, `\u%04x`, r)
			}
		}
	}
	return append(dst, '"')
}

// number appends a number as ECMAScript writes it (section 3.2.2.3).
func number(dst []byte, f float64) []byte {
	if f == 0 {
		return append(dst, '0') // also -0
	}
	if a := max(f, -f); a >= 1e-6 && a < 1e21 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	text := strconv.FormatFloat(f, 'e', -1, 64)
	mantissa, exponent, _ := strings.Cut(text, "e")
	return append(append(append(dst, mantissa...), 'e', exponent[0]), strings.TrimLeft(exponent[1:], "0")...)
}
