package dataset

import (
	"crypto/hmac"
	"crypto/sha256"

	"golang.org/x/mod/sumdb/tlog"
)

// Root returns the Merkle tree hash of ids in the order given (RFC 6962 section
// 2.1): the digest of a set of records or of an order of examples. The root of
// nothing is SHA-256 of nothing.
func Root(ids [][32]byte) [32]byte {
	if len(ids) == 0 {
		return sha256.Sum256(nil)
	}
	return root(ids)
}

func root(ids [][32]byte) [32]byte {
	if len(ids) == 1 {
		return tlog.RecordHash(ids[0][:])
	}
	k := 1 // the largest power of two below len(ids)
	for k*2 < len(ids) {
		k *= 2
	}
	return tlog.NodeHash(root(ids[:k]), root(ids[k:]))
}

// Keyed returns HMAC-SHA-256 of id under key. Identities that are kept one by
// one are kept so, because the plain hash of a guessable record confirms the guess.
func Keyed(key []byte, id [32]byte) [32]byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(id[:])
	return [32]byte(mac.Sum(nil))
}
