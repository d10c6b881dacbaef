package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// document is membership.json.
type document struct {
	Version int
	RootKey hexes `json:"root_key"`
	Records []map[string]hexes
	Sets    []proved
}

// proved is what is proved by one commitment.
type proved struct {
	Entry  int64
	Key    hexes
	Proofs []map[string]proof
}

// proof is what is at one place of a tree.
type proof struct {
	Leaf     hexes // place and value; empty if there is none
	Siblings []hexes
}

// hexes are bytes that JSON has in hex.
type hexes []byte

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *hexes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// check says whether a place is in the tree with a root.
func (p proof) check(root string, place []byte) (present bool, err error) {
	bit := func(b []byte, i int) int { return int(b[i/8] >> (7 - i%8) & 1) }
	n := len(p.Siblings)
	hash := sha256.Sum256([]byte{2})
	if len(p.Leaf) > 0 {
		if len(p.Leaf) != 33 {
			return false, fmt.Errorf("its leaf has %d bytes", len(p.Leaf))
		}
		hash = sha256.Sum256(append([]byte{0}, p.Leaf...))
	}
	if n > 256 || n > 0 && len(p.Siblings[n-1]) == 0 {
		return false, errors.New("it ends below where a tree does")
	}
	for i := n - 1; i >= 0; i-- {
		if len(p.Leaf) > 0 && bit(p.Leaf, i) != bit(place, i) {
			return false, errors.New("its leaf has another place")
		}
		sibling := sha256.Sum256([]byte{2})
		if s := p.Siblings[i]; len(s) == len(sibling) {
			sibling = [32]byte(s)
		} else if len(s) > 0 {
			return false, fmt.Errorf("a hash has %d bytes", len(s))
		}
		sides := [2][32]byte{hash, sibling}
		if bit(place, i) == 1 {
			sides = [2][32]byte{sibling, hash}
		}
		hash = sha256.Sum256(append(append([]byte{1}, sides[0][:]...), sides[1][:]...))
	}
	if hex.EncodeToString(hash[:]) != root {
		return false, errors.New("it leads to another root")
	}
	return len(p.Leaf) > 0 && bytes.Equal(p.Leaf[:32], place), nil
}

// keyed is HMAC-SHA-256.
func keyed(key, data []byte) []byte {
	mac := hmac.New(sha256.New, key)
	_, _ = mac.Write(data) // a hash doesn't fail
	return mac.Sum(nil)
}

// tree is a Merkle tree, by stored-hash index.
type tree []tlog.Hash

// ReadHashes implements tlog.HashReader.
func (t tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index < 0 || index >= int64(len(t)) {
			return nil, fmt.Errorf("no hash %d", index)
		}
		out[i] = t[index]
	}
	return out, nil
}
