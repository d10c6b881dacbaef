package runner

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"daybook/engine"
)

// TestSetVectors compares the roots of sets with those that identities.py beside the
// file makes, which is another implementation, in another language.
func TestSetVectors(t *testing.T) {
	data, err := os.ReadFile("../engine/dataset/testdata/identities.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Examples []struct{ Example string }
		Roots    []string `json:"set_roots"`
	}
	if err := json.Unmarshal(data, &vectors); err != nil || len(vectors.Examples) < 5 || len(vectors.Roots) != len(vectors.Examples)+1 {
		t.Fatalf("%d examples, %d roots, %v", len(vectors.Examples), len(vectors.Roots), err)
	}
	var examples []engine.Example
	var questions []Question
	for n, want := range vectors.Roots {
		if n > 0 {
			id, err := hex.DecodeString(vectors.Examples[n-1].Example)
			if err != nil {
				t.Fatal(err)
			}
			examples = append(examples, engine.Example{ID: [32]byte(id)})
			questions = append(questions, Question{Example: examples[n-1]})
		}
		if got := ExampleSet(examples); got != want {
			t.Errorf("root of %d: %s, want %s", n, got, want)
		}
		if got := QuestionSet(questions); got != want {
			t.Errorf("root of %d questions: %s, want %s", n, got, want)
		}
	}
}
