package checkpoint

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// TestInverseFrequencies compares with what transformers makes of the same
// config.json, in float32. See testdata/make_rope.py.
func TestInverseFrequencies(t *testing.T) {
	data, err := os.ReadFile("testdata/rope.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name    string
		Config  json.RawMessage
		Inverse []float64
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		s, err := parseShape(c.Config)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		got := s.InverseFrequencies()
		if len(got) != len(c.Inverse) {
			t.Errorf("%s: %d frequencies, want %d", c.Name, len(got), len(c.Inverse))
			continue
		}
		for i, want := range c.Inverse {
			const tolerance = 1e-6 // transformers rounds to float32 some ten times; blending subtracts
			if math.Abs(got[i]-want) > tolerance*want {
				t.Errorf("%s: pair %d turns by %.9g, want %.9g", c.Name, i, got[i], want)
			}
		}
	}
}
