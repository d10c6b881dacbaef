package evidence

import (
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// rotationHeader tells a rotation from a head, which one of the keys signs too.
const rotationHeader = "daybook key rotation v1\n"

// Rotation states that another key signs the heads of a log from now on.
type Rotation struct {
	Head     Head // the log before the entry that holds the rotation
	Old, New string
}

// Text returns the statement that both keys sign.
func (r Rotation) Text() string {
	return rotationHeader + r.Head.Text() + r.Old + "\n" + r.New + "\n"
}

// Sign returns the statement as a note signed by both keys.
func (r Rotation) Sign(old, new note.Signer) (string, error) { //nolint:revive // new is the word for it
	signed, err := note.Sign(&note.Note{Text: r.Text()}, old, new)
	if err != nil {
		return "", fmt.Errorf("rotation: %w", err)
	}
	return string(signed), nil
}

// OpenRotation reads a statement, which both of its keys must have signed.
func OpenRotation(signed string) (Rotation, error) {
	body, ok := strings.CutPrefix(signed, rotationHeader)
	lines := strings.SplitN(body, "\n", 6)
	if !ok || len(lines) < 6 {
		return Rotation{}, fmt.Errorf("rotation: %w", ErrForm)
	}
	head, err := ParseHead(strings.Join(lines[:3], "\n") + "\n")
	if err != nil {
		return Rotation{}, fmt.Errorf("rotation: %w", err)
	}
	r := Rotation{Head: head, Old: lines[3], New: lines[4]}
	var keys []note.Verifier
	for _, key := range []string{r.Old, r.New} {
		v, err := note.NewVerifier(key)
		if err != nil {
			return Rotation{}, fmt.Errorf("rotation: key %q: %w", key, err)
		}
		keys = append(keys, v)
	}
	n, err := note.Open([]byte(signed), note.VerifierList(keys...))
	if err != nil {
		return Rotation{}, fmt.Errorf("rotation: %w", err)
	}
	for _, s := range n.Sigs {
		if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
			return Rotation{}, fmt.Errorf("rotation: %w: %w", ErrForm, err)
		}
	}
	if len(n.Sigs) != len(keys) || n.Text != r.Text() {
		return Rotation{}, fmt.Errorf("rotation: %w: it wants the signatures of both keys", ErrForm)
	}
	return r, nil
}
