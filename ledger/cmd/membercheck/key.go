package main

import (
	"encoding/json"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// follow returns the key that takes the place of another by an entry of type key, if
// both have signed that; else the other. Whether the statement fits the log, ledgercheck
// has to say.
func follow(key string, body []byte) (string, error) {
	var b struct{ Statement string }
	if err := json.Unmarshal(body, &b); err != nil {
		return "", err
	}
	lines := strings.Split(b.Statement, "\n")
	if len(lines) < 6 || lines[0] != "daybook key rotation v1" || lines[4] != key {
		return key, nil // of a key before it
	}
	var both []note.Verifier
	for _, key := range lines[4:6] {
		v, err := note.NewVerifier(key)
		if err != nil {
			return "", err
		}
		both = append(both, v)
	}
	n, err := note.Open([]byte(b.Statement), note.VerifierList(both...))
	if err != nil {
		return "", err
	}
	if len(n.Sigs) != 2 || !slices.Equal(strings.Split(n.Text, "\n"), append(lines[:6:6], "")) {
		return key, nil
	}
	return lines[5], nil
}
