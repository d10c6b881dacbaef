package dataset

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
)

// TestIdentityVectors compares with what testdata/identities.py makes, which is another
// implementation, in another language. Package chat tests its examples, package runner
// the roots of their sets.
func TestIdentityVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/identities.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Records []struct{ JSON, Record, Content, Near, Prompt, Blank string }
		Roots   []string `json:"record_roots"`
	}
	if err := json.Unmarshal(data, &vectors); err != nil || len(vectors.Records) < 10 || len(vectors.Roots) != len(vectors.Records)+1 {
		t.Fatalf("%d records, %d roots, %v", len(vectors.Records), len(vectors.Roots), err)
	}
	var ids [][32]byte
	for _, v := range vectors.Records {
		r, ok, err := Identify([]byte(v.JSON), Fields{})
		if err != nil || !ok {
			t.Fatalf("%s: %t, %v", v.JSON, ok, err)
		}
		ids = append(ids, r.ID)
		turns, err := r.Turns()
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []struct {
			of   string
			got  [32]byte
			want string
		}{
			{"record", r.ID, v.Record},
			{"content", r.ContentID, v.Content},
			{"content of the turns", ContentID(turns), v.Content},
			{"near", NearID(turns), v.Near},
			{"prompt", r.PromptID, v.Prompt},
			{"blank", r.BlankID, v.Blank},
		} {
			if hex.EncodeToString(id.got[:]) != id.want {
				t.Errorf("%s: %s %x, want %s", v.JSON, id.of, id.got, id.want)
			}
		}
	}
	for n, want := range vectors.Roots {
		if got := Root(ids[:n]); hex.EncodeToString(got[:]) != want {
			t.Errorf("root of %d: %x, want %s", n, got, want)
		}
	}
	// The samples are such that each identity is seen to tell apart what it should.
	same := func(a, b int, of string, equal bool) {
		t.Helper()
		v, w := vectors.Records[a], vectors.Records[b]
		got := map[string]bool{"record": v.Record == w.Record, "content": v.Content == w.Content, "near": v.Near == w.Near}
		if got[of] != equal {
			t.Errorf("records %d and %d: the same %s is %t", a, b, of, got[of])
		}
	}
	same(0, 1, "record", true)
	same(0, 2, "record", false)
	same(0, 2, "content", true)
	same(3, 4, "record", false)
	same(3, 4, "content", true)
	same(8, 9, "content", false)
	same(8, 9, "near", true)
}

// TestVectorsAreFresh runs the scripts that the vectors are from.
func TestVectorsAreFresh(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("needs python3")
	}
	for _, name := range []string{"near", "identities"} {
		made, err := exec.CommandContext(t.Context(), python, "testdata/"+name+".py").Output()
		if err != nil {
			t.Fatalf("%s.py: %v", name, err)
		}
		kept, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(made, kept) {
			t.Errorf("%s.json is not what %s.py prints", name, name)
		}
	}
}
