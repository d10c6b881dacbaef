package evidence

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

// TestPrefixVectors compares keyed identities, roots and proofs with those of
// another implementation.
func TestPrefixVectors(t *testing.T) {
	data := load(t).Prefix
	id := func(s string) [32]byte { return hashes(t, []string{s})[0] }
	keys := MembershipKeys{Root: id(data.RootKey), Set: id(data.SetKey)}
	if got := keys.Commitment(); got != data.Commitment {
		t.Errorf("commitment %s, want %s", got, data.Commitment)
	}
	for i, clear := range data.Identities {
		if got := keys.ID(id(clear)); got != id(data.IDs[i]) {
			t.Errorf("identity %d: %x, want %s", i, got, data.IDs[i])
		}
	}
	for _, want := range data.Trees {
		var leaves []Leaf
		for i := range want.Size {
			leaves = append(leaves, Leaf{id(data.IDs[i]), byte(1 + i%3)})
		}
		tree := NewPrefixTree(leaves)
		root := tree.Root()
		if hex.EncodeToString(root[:]) != want.Root || tree.Size() != want.Size {
			t.Errorf("%d leaves: root %x, want %s", want.Size, root, want.Root)
		}
		for i, proof := range want.Proofs {
			if made := tree.Prove(id(data.IDs[i])); !reflect.DeepEqual(made, proof) {
				t.Errorf("%d leaves, identity %d: another proof: %+v, want %+v", want.Size, i, made, proof)
			}
			value, present, err := proof.Check(root, id(data.IDs[i]))
			if err != nil || present != (i < want.Size) || present && value != byte(1+i%3) {
				t.Errorf("%d leaves, identity %d: value %d, present %t, %v", want.Size, i, value, present, err)
			}
		}
	}
}

// crowded draws identities that share long prefixes with each other, as hashes do
// in no test that one could wait for.
func crowded(t *rapid.T, label string) (id [32]byte) {
	bits := rapid.SliceOfN(rapid.IntRange(0, 255), 3, 3).Draw(t, label)
	for i, at := range bits {
		if i < 2 {
			at %= 8
		}
		id[at/8] ^= 1 << (7 - at%8)
	}
	return id
}

// TestPrefixProof holds proofs against the set that the tree was made from.
func TestPrefixProof(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := map[[32]byte]byte{}
		var leaves []Leaf
		for range rapid.IntRange(0, 30).Draw(t, "leaves") {
			l := Leaf{crowded(t, "leaf"), rapid.SampledFrom([]byte{Whole, Truncated}).Draw(t, "value")}
			in[l.ID] |= l.Value
			leaves = append(leaves, l)
		}
		asked := crowded(t, "asked")
		if len(leaves) > 0 && rapid.Bool().Draw(t, "is there") {
			asked = leaves[0].ID
		}
		tree := NewPrefixTree(leaves)
		if tree.Size() != len(in) {
			t.Fatalf("%d leaves, want %d", tree.Size(), len(in))
		}
		text, err := json.Marshal(tree.Prove(asked))
		if err != nil {
			t.Fatal(err)
		}
		var proof PrefixProof
		if err := json.Unmarshal(text, &proof); err != nil {
			t.Fatal(err)
		}
		value, present, err := proof.Check(tree.Root(), asked)
		if err != nil || value != in[asked] || present != (in[asked] != 0) {
			t.Fatalf("value %d, present %t, %v, want %d", value, present, err, in[asked])
		}
		// What is proved of another identity is true as well: the leaf that is in the way
		// of the one asked for is there.
		if other := crowded(t, "other"); other != asked {
			if _, present, err := proof.Check(tree.Root(), other); err == nil && present != (in[other] != 0) {
				t.Fatalf("it says of %x that it is present: %t, and it is: %t", other, present, in[other] != 0)
			}
		}
	})
}

// node is a part of a tree that somebody has made up: leaves wherever they like,
// single ones below where they belong, empty ones beside each other.
type node struct {
	hash        tlog.Hash
	leaf        *Leaf
	left, right *node
}

func madeUp(t *rapid.T, ids [][32]byte, depth int) *node {
	kind := rapid.IntRange(0, 5).Draw(t, "node")
	switch {
	case kind == 0:
		return &node{hash: emptyHash}
	case kind <= 2 || depth == 6:
		l := Leaf{rapid.SampledFrom(ids).Draw(t, "leaf"), rapid.Byte().Draw(t, "value")}
		return &node{hash: l.hash(), leaf: &l}
	}
	n := &node{left: madeUp(t, ids, depth+1), right: madeUp(t, ids, depth+1)}
	n.hash = tlog.NodeHash(n.left.hash, n.right.hash)
	return n
}

// proofs returns everything that a tree's maker could try to prove of an identity:
// what each of its nodes holds, reached on any way that is the identity's or isn't.
func (n *node) proofs(siblings []tlog.Hash) []PrefixProof {
	here := append([]tlog.Hash{}, siblings...)
	if n.left == nil {
		return []PrefixProof{{Leaf: n.leaf, Siblings: here}, {Siblings: here}}
	}
	out := []PrefixProof{{Siblings: here}}
	out = append(out, n.left.proofs(append(here, n.right.hash))...)
	return append(out, n.right.proofs(append(here, n.left.hash))...)
}

// TestPrefixWronglyBuilt looks for a tree, however it was built, of which both are
// proved: that an identity is present and that it is absent, or has two values.
func TestPrefixWronglyBuilt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var ids [][32]byte
		for range 4 {
			ids = append(ids, crowded(t, "id"))
		}
		tree := madeUp(t, ids, 0)
		type answer struct {
			value   byte
			present bool
		}
		for _, id := range ids {
			var found []answer
			for _, proof := range tree.proofs(nil) {
				value, present, err := proof.Check(tree.hash, id)
				if err != nil {
					continue
				}
				found = append(found, answer{value, present})
				if found[0] != found[len(found)-1] {
					t.Fatalf("of %x is proved both %+v and %+v", id, found[0], found[len(found)-1])
				}
			}
		}
	})
}

func TestPrefixProofChanged(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	draw := func() (id [32]byte) {
		for i := range id {
			id[i] = byte(random.Uint32())
		}
		return id
	}
	var leaves []Leaf
	for range 20 {
		leaves = append(leaves, Leaf{draw(), Whole})
	}
	tree := NewPrefixTree(leaves)
	root := tree.Root()
	for _, id := range [][32]byte{leaves[3].ID, draw()} {
		proof := tree.Prove(id)
		refuse := func(p PrefixProof, what string) {
			t.Helper()
			if _, _, err := p.Check(root, id); !errors.Is(err, ErrProof) {
				t.Errorf("%s: %v", what, err)
			}
		}
		for i := range proof.Siblings {
			changed := append([]tlog.Hash{}, proof.Siblings...)
			changed[i][0] ^= 1
			refuse(PrefixProof{proof.Leaf, changed}, "another sibling")
		}
		refuse(PrefixProof{nil, nil}, "nothing")
		refuse(PrefixProof{&Leaf{id, Truncated}, proof.Siblings}, "another value")
		refuse(PrefixProof{proof.Leaf, make([]tlog.Hash, 257)}, "too long")
		refuse(PrefixProof{proof.Leaf, append(append([]tlog.Hash{}, proof.Siblings...), emptyHash)}, "below its place")
	}
	for _, text := range []string{`{"leaf":"00"}`, `{"leaf":"zz"}`, `{"siblings":["00"]}`, `{"siblings":[1]}`, `[]`} {
		var p PrefixProof
		if err := json.Unmarshal([]byte(text), &p); !errors.Is(err, ErrForm) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func BenchmarkPrefixRoot(b *testing.B) {
	const n = 1 << 17
	random := rand.New(rand.NewPCG(1, 2))
	place := Keyer([32]byte{1})
	leaves := make([]Leaf, n)
	for b.Loop() {
		for i := range leaves {
			leaves[i].ID[0], leaves[i].ID[1] = byte(random.Uint32()), byte(random.Uint32())
			leaves[i] = Leaf{place(leaves[i].ID), Whole}
		}
		NewPrefixTree(leaves).Root()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/leaf")
}
