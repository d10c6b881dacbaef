package ledger

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSeedAxis(t *testing.T) {
	for _, c := range []struct {
		axis Axis
		want bool
	}{
		{Axis{"seed", "seed"}, true},
		{Axis{"replica", "seed"}, true},
		{Axis{"offset", "seed+"}, true},
		{Axis{"seed", ""}, true}, // of a file that built its data itself
		{Axis{"seed", "data.validation.seed"}, false},
		{Axis{"replica", ""}, false},
		{Axis{"rank", "train.lora.rank"}, false},
	} {
		if got := c.axis.Seed(); got != c.want {
			t.Errorf("%+v: %t", c.axis, got)
		}
	}
	s := Sweep{Axes: []Axis{{"rank", "train.lora.rank"}, {"replica", "seed"}}}
	if got := s.SeedAxis(); got != "replica" {
		t.Errorf("got %q", got)
	}
}

// TestAxesOfOldSweeps reads axes as they were recorded before they had paths.
func TestAxesOfOldSweeps(t *testing.T) {
	var got []Axis
	ok(t, json.Unmarshal([]byte(`["rank", {"name": "replica", "path": "seed"}]`), &got))
	if d := cmp.Diff([]Axis{{Name: "rank"}, {"replica", "seed"}}, got); d != "" {
		t.Error(d)
	}
	if err := json.Unmarshal([]byte(`[3]`), &got); err == nil {
		t.Error("a number is an axis")
	}
}
