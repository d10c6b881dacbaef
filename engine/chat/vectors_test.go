package chat

import (
	"encoding/json"
	"os"
	"testing"
)

// TestExampleVectors compares with what identities.py beside the file makes, which is
// another implementation, in another language.
func TestExampleVectors(t *testing.T) {
	data, err := os.ReadFile("../dataset/testdata/identities.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Examples []struct {
			Tokens, Targets []int32
			Example         string
		}
	}
	if err := json.Unmarshal(data, &vectors); err != nil || len(vectors.Examples) < 5 {
		t.Fatalf("%d examples, %v", len(vectors.Examples), err)
	}
	for _, v := range vectors.Examples {
		if got := hexOf(exampleID(v.Tokens, v.Targets)); got != v.Example {
			t.Errorf("%v for %v: %s, want %s", v.Targets, v.Tokens, got, v.Example)
		}
	}
}
