package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// head is the text of a checkpoint.
type head struct {
	origin string
	size   int64
	root   tlog.Hash
}

func (h head) String() string { return fmt.Sprintf("%s\n%d\n%s\n", h.origin, h.size, h.root) }

// open reads a head that a key has signed.
func open(data []byte, key string) (h head, err error) {
	v, err := verifier(key)
	if err != nil {
		return h, err
	}
	n, err := note.Open(data, note.VerifierList(v))
	if err != nil {
		return h, err
	} else if _, err = base64.StdEncoding.Strict().DecodeString(n.Sigs[0].Base64); err != nil {
		return h, err // package note takes any of four last letters
	}
	var root string
	if _, err = fmt.Sscanf(n.Text, "%s\n%d\n%s\n", &h.origin, &h.size, &root); err == nil {
		h.root, err = tlog.ParseHash(root)
	}
	if err == nil && (h.size < 0 || h.String() != n.Text) {
		err = errors.New("not in the form of a head")
	}
	return h, err
}

// signer is a key that signs from an entry on.
type signer struct{ key, replaces string }

// signer follows who signs the log. t is the tree before the entry.
func (c *checker) signer(e entry, t tree) error {
	var b struct {
		Origin, Key, Reason, Cites string // of an origin
		Before                     int64
		Statement                  string // of a key
	}
	if e.Type != "origin" && e.Type != "key" {
		return nil
	} else if err := json.Unmarshal(e.Body, &b); err != nil {
		return err
	}
	if e.Type == "key" {
		if len(c.signers) == 0 {
			return errors.New("there is no key to replace")
		}
		old := c.signers[len(c.signers)-1].key
		root, bad := tlog.TreeHash(e.Seq-1, t)
		v, _ := note.NewVerifier(old) // it has signed
		key, err := rotation(b.Statement, old, head{v.Name(), e.Seq - 1, root}.String())
		c.signers = append(c.signers, signer{key, old})
		return errors.Join(err, bad)
	}
	if v, err := note.NewVerifier(b.Key); err != nil || v.Name() != b.Origin || b.Before != e.Seq-1 {
		return errors.Join(errors.New("it doesn't fit its place"), err)
	}
	if b.Before > 0 {
		c.say("BREAK: entries before %d are not vouched for by the key from there on: %s", e.Seq, b.Reason)
	}
	if b.Cites != "" {
		if h, err := c.ours([]byte(b.Cites)); err != nil || h.size >= e.Seq {
			c.say("BREAK: entry %d cites a head over entries that are lost", e.Seq)
		} else if err := t.holds(h); err != nil {
			return fmt.Errorf("the head that it cites: %w", err)
		}
	}
	c.signers = append(c.signers, signer{b.Key, ""})
	return nil
}

// rotation returns the key that replaces another, if both have signed that, with the
// head that the log has before.
func rotation(statement, old, before string) (string, error) {
	lines := strings.SplitN(statement, "\n", 8)
	if len(lines) < 8 {
		return "", errors.New("not a statement on a key")
	}
	from, fromErr := note.NewVerifier(old)
	to, toErr := note.NewVerifier(lines[5])
	if err := errors.Join(fromErr, toErr); err != nil {
		return "", err
	}
	n, err := note.Open([]byte(statement), note.VerifierList(from, to))
	want := "daybook key rotation v1\n" + before + old + "\n" + lines[5] + "\n"
	if err == nil && (n.Text != want || len(n.Sigs) != 2 || to.Name() != from.Name()) {
		err = errors.New("its two keys have not signed these entries")
	}
	return lines[5], err
}

// ours reads a head that one of the log's keys has signed.
func (c *checker) ours(data []byte) (head, error) {
	for _, s := range slices.Backward(c.signers) {
		if h, err := open(data, s.key); err == nil {
			return h, nil
		}
	}
	return head{}, errors.New("no key of this log has signed it")
}

// trust compares the key in force with the one that the reader knows.
func (c *checker) trust() {
	if c.key == "" {
		c.say("unproved: whose key that is; give the one that you know with -key")
		return
	}
	i := len(c.signers) - 1
	for c.signers[i].key != c.key && c.signers[i].replaces != "" {
		i--
	}
	if c.signers[i].key != c.key {
		c.problem("key: the log is signed by another, which doesn't follow from the one given")
	}
}

// witnessed looks for witnesses' signatures under a head.
func (c *checker) witnessed(signed []byte) {
	for _, key := range c.witnesses {
		if h, err := open(signed, key); err != nil {
			c.problem("witness %s: %v", key, err)
		} else {
			c.say("witness: %s has signed %d entries", key, h.size)
		}
	}
}

// cosigner verifies cosignature/v1 (C2SP tlog-cosignature).
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (w cosigner) Name() string    { return w.name }
func (w cosigner) KeyHash() uint32 { return w.hash }
func (w cosigner) Verify(text, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize { // a time comes first
		return false
	}
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(signature), text)
	return ed25519.Verify(w.key, []byte(message), signature[8:])
}

// verifier reads the public key of a log or a witness.
func verifier(key string) (note.Verifier, error) {
	name, rest, _ := strings.Cut(key, "+")
	_, material, _ := strings.Cut(rest, "+")
	data, err := base64.StdEncoding.DecodeString(material)
	if err != nil || len(data) != 1+ed25519.PublicKeySize || data[0] != 4 { // type of a witness's key
		return note.NewVerifier(key)
	}
	sum := sha256.Sum256(append([]byte(name+"\n"), data...))
	return cosigner{name, binary.BigEndian.Uint32(sum[:]), data[1:]}, nil
}
