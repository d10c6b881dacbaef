package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"

	"golang.org/x/mod/sumdb/tlog"
)

// ErrProof is wrapped by errors about proofs that don't hold.
var ErrProof = errors.New("the proof doesn't hold")

// Leaf is a keyed identity in a prefix tree, and what is said of it.
type Leaf struct {
	ID    [32]byte
	Value byte
}

// hash returns the leaf's hash as RFC 6962 has it, SHA-256(0x00 || ID || value).
func (l Leaf) hash() tlog.Hash {
	var b [1 + 32 + 1]byte
	copy(b[1:], l.ID[:])
	b[33] = l.Value
	return sha256.Sum256(b[:])
}

// emptyHash is that of every subtree without leaves.
var emptyHash = tlog.Hash(sha256.Sum256([]byte{2}))

// PrefixTree is a Merkle tree over a set of keyed identities, in which each has one
// place only, so that absence can be proved as well as presence. The package
// comment of ledger describes it.
type PrefixTree struct{ leaves []Leaf }

// NewPrefixTree returns the tree over leaves, which it sorts. Values of equal IDs
// are joined bit by bit.
func NewPrefixTree(leaves []Leaf) *PrefixTree {
	slices.SortFunc(leaves, func(a, b Leaf) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	distinct := leaves[:0]
	for _, l := range leaves {
		if n := len(distinct); n > 0 && distinct[n-1].ID == l.ID {
			distinct[n-1].Value |= l.Value
			continue
		}
		distinct = append(distinct, l)
	}
	return &PrefixTree{distinct}
}

// Size returns how many different identities the tree holds.
func (t *PrefixTree) Size() int { return len(t.leaves) }

// Root returns the tree's hash.
func (t *PrefixTree) Root() tlog.Hash { return rootOf(t.leaves, 0) }

// rootOf returns the hash of the subtree of sorted leaves that share depth bits.
func rootOf(leaves []Leaf, depth int) tlog.Hash {
	switch len(leaves) {
	case 0:
		return emptyHash
	case 1:
		return leaves[0].hash()
	}
	left, right := fork(leaves, depth)
	return tlog.NodeHash(rootOf(left, depth+1), rootOf(right, depth+1))
}

// fork parts leaves by the bit at a depth.
func fork(leaves []Leaf, depth int) (left, right []Leaf) {
	n := sort.Search(len(leaves), func(i int) bool { return bit(leaves[i].ID, depth) == 1 })
	return leaves[:n], leaves[n:]
}

// bit returns a bit of an ID, the most significant one first.
func bit(id [32]byte, at int) byte { return id[at/8] >> (7 - at%8) & 1 }

// PrefixProof shows that an identity is in a prefix tree, or that it isn't: what
// is at the one place where it could be.
type PrefixProof struct {
	Leaf     *Leaf       // that is there; nil if the place is empty
	Siblings []tlog.Hash // of the nodes on the way there, from the root down
}

// Prove returns the proof about an identity.
func (t *PrefixTree) Prove(id [32]byte) PrefixProof {
	var p PrefixProof
	at := t.leaves
	for depth := 0; len(at) > 1; depth++ {
		left, right := fork(at, depth)
		if bit(id, depth) == 1 {
			left, right = right, left
		}
		p.Siblings = append(p.Siblings, rootOf(right, depth+1))
		at = left
	}
	if len(at) == 1 {
		p.Leaf = &at[0]
	}
	return p
}

// Check verifies what a proof says of an identity in the tree with a root. For any
// root there is, whoever made it up, no two proofs hold of which one says that an
// identity is present and the other that it is absent, or has another value: both
// would have to end at the same place, with two things of the same hash. The error
// wraps ErrProof.
func (p PrefixProof) Check(root tlog.Hash, id [32]byte) (value byte, present bool, err error) {
	depth := len(p.Siblings)
	if depth > 8*len(id) {
		return 0, false, fmt.Errorf("%w: it is longer than an identity", ErrProof)
	}
	hash := emptyHash
	if p.Leaf != nil {
		hash = p.Leaf.hash()
		for i := range depth {
			if bit(p.Leaf.ID, i) != bit(id, i) {
				return 0, false, fmt.Errorf("%w: its leaf has another place", ErrProof)
			}
		}
	}
	if depth > 0 && p.Siblings[depth-1] == emptyHash {
		return 0, false, fmt.Errorf("%w: it ends below where the tree does", ErrProof)
	}
	for i, sibling := range slices.Backward(p.Siblings) {
		if bit(id, i) == 0 {
			hash = tlog.NodeHash(hash, sibling)
		} else {
			hash = tlog.NodeHash(sibling, hash)
		}
	}
	if hash != root {
		return 0, false, fmt.Errorf("%w: it leads to another root", ErrProof)
	}
	if p.Leaf == nil || p.Leaf.ID != id {
		return 0, false, nil
	}
	return p.Leaf.Value, true, nil
}

// prefixProof is a proof as JSON: the leaf's ID and value in hex, and hashes in
// hex; "" stands for what is empty.
type prefixProof struct {
	Leaf     string   `json:"leaf"`
	Siblings []string `json:"siblings"`
}

// MarshalJSON writes the proof's one form.
func (p PrefixProof) MarshalJSON() ([]byte, error) {
	out := prefixProof{Siblings: make([]string, len(p.Siblings))}
	if p.Leaf != nil {
		out.Leaf = hex.EncodeToString(append(p.Leaf.ID[:], p.Leaf.Value))
	}
	for i, h := range p.Siblings {
		if h != emptyHash {
			out.Siblings[i] = hex.EncodeToString(h[:])
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (p *PrefixProof) UnmarshalJSON(data []byte) error {
	var in prefixProof
	if err := json.Unmarshal(data, &in); err != nil {
		return fmt.Errorf("proof: %w: %w", ErrForm, err)
	}
	*p = PrefixProof{}
	if in.Leaf != "" {
		leaf, err := hex.DecodeString(in.Leaf)
		if err != nil || len(leaf) != 33 {
			return fmt.Errorf("proof: %w: leaf is %q", ErrForm, in.Leaf)
		}
		p.Leaf = &Leaf{ID: [32]byte(leaf), Value: leaf[32]}
	}
	for _, s := range in.Siblings {
		h := emptyHash
		if s != "" {
			data, err := hex.DecodeString(s)
			if err != nil || len(data) != len(h) {
				return fmt.Errorf("proof: %w: hash is %q", ErrForm, s)
			}
			h = tlog.Hash(data)
		}
		p.Siblings = append(p.Siblings, h)
	}
	return nil
}
