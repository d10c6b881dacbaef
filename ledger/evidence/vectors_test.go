package evidence

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// vectors are what testdata/vectors.py makes, which is another implementation, in
// another language.
type vectors struct {
	Floats    []struct{ Bits, Text string }
	Canonical []struct{ JSON, Text string }
	Entries   []struct{ Entry, Leaf, Hash json.RawMessage }
	Roots     []string
	Inclusion []struct {
		Index, Size int64
		Proof       []string
	}
	Consistency []struct {
		Old, Size int64
		Proof     []string
	}
	Prefix struct {
		RootKey    string `json:"root_key"`
		SetKey     string `json:"set_key"`
		Commitment string
		Identities []string
		IDs        []string
		Trees      []struct {
			Size   int
			Root   string
			Proofs []PrefixProof
		}
	}
}

func load(tb testing.TB) vectors {
	tb.Helper()
	data, err := os.ReadFile("testdata/vectors.json")
	check(tb, err)
	var v vectors
	check(tb, json.Unmarshal(data, &v))
	return v
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func text(tb testing.TB, raw json.RawMessage) (s string) {
	tb.Helper()
	check(tb, json.Unmarshal(raw, &s))
	return s
}

func hashes(tb testing.TB, all []string) []tlog.Hash {
	tb.Helper()
	out := make([]tlog.Hash, len(all))
	for i, s := range all {
		data, err := hex.DecodeString(s)
		check(tb, err)
		out[i] = tlog.Hash(data)
	}
	return out
}

func TestVectorsAreFresh(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("needs python3")
	}
	made, err := exec.CommandContext(t.Context(), python, "testdata/vectors.py").Output()
	check(t, err)
	kept, err := os.ReadFile("testdata/vectors.json")
	check(t, err)
	if !slices.Equal(made, kept) {
		t.Error("vectors.json is not what vectors.py prints")
	}
}

func TestCanonical(t *testing.T) {
	v := load(t)
	for _, f := range v.Floats {
		bits, err := strconv.ParseUint(f.Bits, 16, 64)
		check(t, err)
		if got, err := Canonical(math.Float64frombits(bits)); err != nil || string(got) != f.Text {
			t.Errorf("%s: got %s, %v, want %s", f.Bits, got, err, f.Text)
		}
	}
	for _, c := range v.Canonical {
		got, err := Canonicalize([]byte(c.JSON))
		if err != nil || string(got) != c.Text {
			t.Errorf("%s: got %s, %v, want %s", c.JSON, got, err, c.Text)
		}
		if again, err := Canonicalize(got); err != nil || string(again) != c.Text {
			t.Errorf("%s became %s, %v", got, again, err)
		}
	}
}

func TestEntries(t *testing.T) {
	v := load(t)
	reader := growth{}
	for i, c := range v.Entries {
		var e Entry
		check(t, json.Unmarshal(c.Entry, &e))
		body, err := Canonicalize(e.Body)
		check(t, err)
		e.Body = body
		check(t, e.Check())
		if got := string(e.Leaf()); got != text(t, c.Leaf) {
			t.Errorf("entry %d: leaf %s, want %s", i+1, got, text(t, c.Leaf))
		}
		h := e.Hash()
		if got := hex.EncodeToString(h[:]); got != text(t, c.Hash) {
			t.Errorf("entry %d: hash %s, want %s", i+1, got, text(t, c.Hash))
		}
		if again, err := ParseEntry(e.Leaf()); err != nil || string(again.Leaf()) != string(e.Leaf()) {
			t.Errorf("entry %d: %v", i+1, err)
		}
		more, err := tlog.StoredHashes(int64(i), e.Leaf(), reader)
		check(t, err)
		reader = append(reader, more...)
	}
	for size, want := range v.Roots {
		if got, err := tlog.TreeHash(int64(size), reader); err != nil || hex.EncodeToString(got[:]) != want {
			t.Errorf("root of %d: %v, %v, want %s", size, got, err, want)
		}
	}
	roots := hashes(t, v.Roots)
	for _, p := range v.Inclusion {
		leaf, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, p.Index)})
		check(t, err)
		if err := tlog.CheckRecord(hashes(t, p.Proof), p.Size, roots[p.Size], p.Index, leaf[0]); err != nil {
			t.Errorf("entry %d in %d: %v", p.Index, p.Size, err)
		}
		made, err := tlog.ProveRecord(p.Size, p.Index, reader)
		if err != nil || !slices.Equal(made, hashes(t, p.Proof)) {
			t.Errorf("entry %d in %d: another proof, %v", p.Index, p.Size, err)
		}
	}
	for _, p := range v.Consistency {
		if err := tlog.CheckTree(hashes(t, p.Proof), p.Size, roots[p.Size], p.Old, roots[p.Old]); err != nil {
			t.Errorf("%d before %d: %v", p.Old, p.Size, err)
		}
	}
}

// growth is a Merkle tree that grows.
type growth []tlog.Hash

func (g growth) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		out[i] = g[index]
	}
	return out, nil
}
