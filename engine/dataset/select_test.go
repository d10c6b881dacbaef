package dataset

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var clean = map[string]any{"quality": "clean"}

func TestSelect(t *testing.T) {
	notes := wards(12) // noisy: 0, 3, 6, 9
	notes[5].fields["id"] = "n4"
	notes[7].fields["labels"] = []any{"x", "y"}
	d := build(t, notes)
	pool := []int{1, 2, 3, 4, 5, 6, 7, 8}
	full := hex.EncodeToString(d.Records[2].ID[:])
	for _, test := range []struct {
		name string
		sel  Selector
		want []int
	}{
		{"all", Selector{Op: "all"}, pool},
		{"where", Selector{Op: "where", Where: clean}, []int{1, 2, 4, 5, 7, 8}},
		{"where nothing", Selector{Op: "where"}, pool},
		{"where list", Selector{Op: "where", Where: map[string]any{"n": []any{1, 2.0, json.Number("9")}}}, []int{1, 2, 6, 7}},
		{"where two fields", Selector{Op: "where", Where: map[string]any{"n": 1, "quality": "noisy"}}, []int{6}},
		{"where bool in an object", Selector{Op: "where", Where: map[string]any{"tags.icu": true}}, []int{2, 4, 6, 8}},
		{"where a list holds it", Selector{Op: "where", Where: map[string]any{"labels": "y"}}, []int{7}},
		{"take all", Selector{Op: "take", Count: 6, Where: clean}, []int{1, 2, 4, 5, 7, 8}},
		{"fraction all", Selector{Op: "fraction", Fraction: 1}, pool},
		{"union", Selector{Op: "union", Of: []Selector{{Op: "ids", IDs: []string{"n8", "n1"}}, {Op: "where", Where: map[string]any{"quality": "noisy"}}}}, []int{1, 3, 6, 8}},
		{"except", Selector{Op: "except", Of: []Selector{{Op: "all"}, {Op: "where", Where: clean}, {Op: "ids", IDs: []string{"n3"}}}}, []int{6}},
		{"ids by name", Selector{Op: "ids", IDs: []string{"n8", "n2"}}, []int{2, 8}},
		{"ids shared", Selector{Op: "ids", IDs: []string{"n4"}}, []int{4, 5}},
		{"ids by hash", Selector{Op: "ids", IDs: []string{full}}, []int{2}},
		{"ids by upper case hash", Selector{Op: "ids", IDs: []string{strings.ToUpper(full)}}, []int{2}},
		{"ids by prefix", Selector{Op: "ids", IDs: []string{full[:12]}}, []int{2}},
		{"ids by longer prefix", Selector{Op: "ids", IDs: []string{full[:17], "n2"}}, []int{2}},
	} {
		got, err := Select(d, pool, test.sel)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		} else if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
	half, err := Select(d, pool, Selector{Op: "fraction", Fraction: 0.3})
	if err != nil || len(half) != 2 { // 0.3 of 8 is 2.4
		t.Errorf("got %v, %v", half, err)
	}
}

func TestSelectErrors(t *testing.T) {
	d := build(t, wards(12))
	pool := []int{1, 2, 3, 4, 5, 6, 7, 8}
	unknown := strings.Repeat("ab", 32)
	for _, test := range []struct {
		name  string
		sel   Selector
		is    error
		place string
		says  string
	}{
		{"too many", Selector{Op: "take", Count: 7, Where: clean}, ErrTooFew, "subset", "7 wanted, 6 match of the 8 left for training"},
		{"none", Selector{Op: "take"}, ErrBadRule, "subset", "count is 0"},
		{"fraction", Selector{Op: "fraction", Fraction: -0.5}, ErrBadRule, "subset", "fraction is -0.5"},
		{"fraction of nothing", Selector{Op: "fraction", Fraction: 0.01}, ErrEmptySelection, "subset", "of the 8 there are"},
		{"no match", Selector{Op: "where", Where: map[string]any{"quality": "filthy"}}, ErrEmptySelection, "subset", "of the 8"},
		{"no such op", Selector{Op: "some"}, ErrBadRule, "subset", `unknown op "some"`},
		{"union of nothing", Selector{Op: "union"}, ErrBadRule, "subset", "union of nothing"},
		{
			"nested",
			Selector{Op: "union", Of: []Selector{{Op: "all"}, {Op: "except", Of: []Selector{{Op: "take", Count: 99}}}}},
			ErrTooFew, "subset.of[1].of[0]", "99 wanted, 8 match",
		},
		{"unknown field", Selector{Op: "where", Where: map[string]any{"Quality": 1}}, ErrUnknownField, "subset.where.Quality", `"Quality"`},
		{"unknown ID", Selector{Op: "ids", IDs: []string{"n1", "n99"}}, ErrUnknownID, "subset.ids[1]", `"n99"`},
		{"unknown hash", Selector{Op: "ids", IDs: []string{unknown}}, ErrUnknownID, "subset.ids[0]", `"abab`},
		{"odd ID", Selector{Op: "ids", IDs: []string{"KKKKKKKKKKKK"}}, ErrUnknownID, "subset.ids[0]", "no record"},
		{"held out", Selector{Op: "ids", IDs: []string{"n0"}}, ErrUnknownID, "subset.ids[0]", `"n0" is held out`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Select(d, pool, test.sel)
			var e *RuleError
			if !errors.As(err, &e) || !errors.Is(err, test.is) {
				t.Fatalf("got %v, want %v", err, test.is)
			}
			if e.Place != test.place || !strings.Contains(err.Error(), test.says) || e.Hint() == "" {
				t.Errorf("got %q with hint %q, want place %s and %q", err, e.Hint(), test.place, test.says)
			}
		})
	}
	if _, err := Select(d, nil, Selector{Op: "all"}); !errors.Is(err, ErrEmptySelection) {
		t.Errorf("empty pool: got %v", err)
	}
}

func TestDrawsNest(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		notes := drawNotes(rt)
		d := build(t, notes)
		seed := rapid.Uint64().Draw(rt, "seed")
		n := rapid.IntRange(1, len(notes)).Draw(rt, "more")
		m := rapid.IntRange(1, n).Draw(rt, "fewer")
		take := func(count int) []int {
			got, err := Select(d, d.All(), Selector{Op: "take", Count: count, Seed: seed})
			if err != nil || len(got) != count || !slices.IsSorted(got) {
				rt.Fatalf("take %d: %v, %v", count, got, err)
			}
			return got
		}
		more := take(n)
		for _, i := range take(m) {
			if !slices.Contains(more, i) {
				rt.Fatalf("%d is among the first %d but not among the first %d", i, m, n)
			}
		}
		half, err := Select(d, d.All(), Selector{Op: "fraction", Fraction: float64(n) / float64(len(notes)), Seed: seed})
		if err != nil || !slices.Equal(half, more) {
			rt.Fatalf("fraction and take differ: %v, %v, %v", half, more, err)
		}
	})
}

// TestDrawIsFixed pins the order of draws: another one would silently train
// every sweep on other records.
func TestDrawIsFixed(t *testing.T) {
	d := build(t, wards(40))
	got, err := Select(d, d.All(), Selector{Op: "take", Count: 6, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	p, err := Split(d, SplitConfig{GroupBy: "patient", Test: Rule{Count: 4, Seed: 1}, Validation: Rule{Count: 4, Seed: 1, Where: clean}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(got, p.Test, p.Validation, p.Withheld), "[4 8 19 28 36 39] [0 1 2 3] [20 22 23 31] [21 28 29 30]"; got != want {
		t.Errorf("got %s, was %s", got, want)
	}
}
