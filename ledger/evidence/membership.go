package evidence

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// Identity is a way in which a record can be the same as another one.
type Identity string

// The identities of a record that a set commits to.
const (
	RecordIdentity  Identity = "record"  // the whole record, as canonical JSON
	ContentIdentity Identity = "content" // what it says, without tags and metadata
	ExampleIdentity Identity = "example" // tokens and loss mask, as trained on
	NearIdentity    Identity = "near"    // what it says, whatever the Unicode form, case and white space
)

// Identities returns all of them, the strictest first.
func Identities() []Identity {
	return []Identity{RecordIdentity, ContentIdentity, ExampleIdentity, NearIdentity}
}

// Values of a leaf: bits, because records that share an identity may differ.
const (
	Whole     byte = 1
	Truncated byte = 2 // cut to the run's length
)

// Membership is the body of an entry that commits to the members of a set.
type Membership struct {
	Set      string                `json:"set"`
	Dataset  string                `json:"dataset"`
	Role     string                `json:"role"`
	Records  int                   `json:"records"`
	Encoding string                `json:"encoding"` // digest of what makes examples of records; "" if nobody said
	Keys     string                `json:"keys"`     // MembershipKeys.Commitment
	Order    string                `json:"order"`    // HMAC-SHA-256 under the set key of the members' positions in the dataset, in the set's order
	Trees    map[Identity]TreeHead `json:"trees"`    // of every identity
	Replaces int64                 `json:"replaces"` // entry that committed to the set before a record was forgotten; 0 if none did
}

// TreeHead is a prefix tree's root in hex and its number of leaves.
type TreeHead struct {
	Root string `json:"root"`
	Size int    `json:"size"`
}

// MembershipKeys are the keys that turn an identity, which a guess could be tested
// against, into its place in the trees of one commitment.
type MembershipKeys struct {
	Root [32]byte // of the folder that holds the ledger
	Set  [32]byte // random, of the commitment alone: without it nobody can test anything against the trees
}

// RootKey derives the root's key from the secret under which it keeps record IDs,
// so that it can be shown to somebody who may not have that.
func RootKey(secret []byte) [32]byte {
	mac := hmac.New(sha256.New, secret)
	_, _ = mac.Write([]byte("daybook membership v1\n")) // a hash doesn't fail
	return [32]byte(mac.Sum(nil))
}

// Commitment is what an entry says of the keys, so that whoever shows a proof can't
// choose others, under which an identity would have another place.
func (k MembershipKeys) Commitment() string {
	h := sha256.New()
	for _, part := range [][]byte{[]byte("daybook membership keys v1\n"), k.Root[:], k.Set[:]} {
		_, _ = h.Write(part) // a hash doesn't fail
	}
	return hex.EncodeToString(h.Sum(nil))
}

// ID returns the keyed identity that is in the trees of an identity in the clear:
// HMAC(Set, HMAC(Root, identity)), both with SHA-256.
func (k MembershipKeys) ID(identity [32]byte) [32]byte { return Keyed(k.Set, Keyed(k.Root, identity)) }

// Keyed returns HMAC-SHA-256 of an identity under a key.
func Keyed(key, identity [32]byte) [32]byte { return Keyer(key)(identity) }

// Keyer returns Keyed for many identities, one after the other.
func Keyer(key [32]byte) func(identity [32]byte) [32]byte {
	mac := hmac.New(sha256.New, key[:])
	var sum [32]byte
	return func(identity [32]byte) [32]byte {
		mac.Reset()
		_, _ = mac.Write(identity[:]) // a hash doesn't fail
		mac.Sum(sum[:0])
		return sum
	}
}

// MembershipProofs is a file that shows of records which committed sets they are in
// and which they aren't in.
type MembershipProofs struct {
	Version int                   `json:"version"`  // 1
	RootKey string                `json:"root_key"` // hex, as all that follows
	Records []map[Identity]string `json:"records"`  // identities in the clear
	Sets    []ProvedSet           `json:"sets"`     // in the order of their entries
}

// ProvedSet has what is proved by one commitment.
type ProvedSet struct {
	Entry  int64                      `json:"entry"`
	Key    string                     `json:"key"`
	Proofs []map[Identity]PrefixProof `json:"proofs"` // of each record
}
