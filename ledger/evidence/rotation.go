package evidence

import (
	"encoding/base64"
	"encoding/json"
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

// Follow returns the keys that take the place of a known one, the oldest first, by the
// statements in entries of type key, which are in the order of a log. Both keys must
// have signed each of them. What was replaced before the known key says nothing of it.
func Follow(key string, entries []Entry) ([]Successor, error) {
	var out []Successor
	for _, e := range entries {
		var body struct {
			Statement string `json:"statement"`
		}
		if err := json.Unmarshal(e.Body, &body); err != nil || e.Type != "key" {
			return nil, fmt.Errorf("entry %d: %w: it is no rotation", e.Seq, ErrForm)
		}
		r, err := OpenRotation(body.Statement)
		if err == nil && r.Head.Size != e.Seq-1 {
			err = fmt.Errorf("%w: it is signed for entry %d", ErrForm, r.Head.Size+1)
		}
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", e.Seq, err)
		}
		switch {
		case r.Old == key:
			out = append(out, Successor{e.Seq, r.New})
			key = r.New
		case len(out) > 0:
			return nil, fmt.Errorf("entry %d: %w: it replaces another key than the one before it put in force", e.Seq, ErrForm)
		}
	}
	return out, nil
}

// Successor is a key that took the place of another.
type Successor struct {
	Entry int64 // of type key, which says so
	Key   string
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
