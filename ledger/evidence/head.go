package evidence

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Head says what a log's first Size entries are.
type Head struct {
	Origin string // the log's identity
	Size   int64
	Root   tlog.Hash // of the Merkle tree over them
}

// Text returns the head as the text of a checkpoint (C2SP tlog-checkpoint).
func (h Head) Text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", h.Origin, h.Size, h.Root)
}

// Sign returns the head as a signed note.
func (h Head) Sign(signers ...note.Signer) ([]byte, error) {
	signed, err := note.Sign(&note.Note{Text: h.Text()}, signers...)
	if err != nil {
		return nil, fmt.Errorf("head: %w", err)
	}
	return signed, nil
}

// ParseHead is the inverse of Text. Lines after the third, which the format
// allows other logs, are refused: Daybook writes none.
func ParseHead(text string) (Head, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[0] == "" || lines[3] != "" {
		return Head{}, fmt.Errorf("head: %w: want the lines origin, size, root", ErrForm)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 {
		return Head{}, fmt.Errorf("head: %w: size is %q", ErrForm, lines[1])
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return Head{}, fmt.Errorf("head: %w: root is %q", ErrForm, lines[2])
	}
	h := Head{Origin: lines[0], Size: size, Root: root}
	if h.Text() != text {
		return Head{}, fmt.Errorf("head: %w", ErrForm)
	}
	return h, nil
}

// OpenHead reads a signed head that each of the keys has signed. The note that it
// returns tells who else did: witnesses that are among them are in Sigs, unknown
// signers in UnverifiedSigs. The error is a *note.UnverifiedNoteError if a
// signature of a key is missing.
func OpenHead(signed []byte, keys ...note.Verifier) (Head, *note.Note, error) {
	n, err := note.Open(signed, note.VerifierList(keys...))
	if err != nil {
		return Head{}, nil, fmt.Errorf("head: %w", err)
	}
	by := map[string]bool{}
	for _, s := range n.Sigs {
		// Package note takes any of four last letters: here a head has one form.
		if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
			return Head{}, nil, fmt.Errorf("head: signature of %s: %w: %w", s.Name, ErrForm, err)
		}
		by[signerID(s.Name, s.Hash)] = true
	}
	for _, k := range keys {
		if !by[signerID(k.Name(), k.KeyHash())] {
			return Head{}, nil, fmt.Errorf("head: %s+%08x has not signed it: %w", k.Name(), k.KeyHash(), &note.UnverifiedNoteError{Note: n})
		}
	}
	h, err := ParseHead(n.Text)
	return h, n, err
}

// PeekHead reads a head whose signatures are not known to be anybody's.
func PeekHead(signed []byte) (Head, error) {
	_, err := note.Open(signed, note.VerifierList())
	var unverified *note.UnverifiedNoteError
	if !errors.As(err, &unverified) {
		return Head{}, fmt.Errorf("head: %w", err)
	}
	return ParseHead(unverified.Note.Text)
}

func signerID(name string, hash uint32) string { return fmt.Sprintf("%s+%08x", name, hash) }
