package dataset

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// note is a record in the making.
type note struct {
	text   string
	fields map[string]any
	answer string // "A" if empty
}

func build(tb testing.TB, notes []note) *Dataset {
	tb.Helper()
	var text strings.Builder
	for _, n := range notes {
		if n.answer == "" {
			n.answer = "A"
		}
		rec := map[string]any{"messages": []any{
			map[string]any{"role": "user", "content": n.text},
			map[string]any{"role": "assistant", "content": n.answer},
		}}
		for k, v := range n.fields {
			rec[k] = v
		}
		line, err := json.Marshal(rec)
		if err != nil {
			tb.Fatal(err)
		}
		text.Write(line)
		text.WriteByte('\n')
	}
	return read(tb, text.String())
}

// wards makes n notes of patients with four notes each, every third one noisy.
func wards(n int) []note {
	notes := make([]note, n)
	for i := range notes {
		quality := "clean"
		if i%3 == 0 {
			quality = "noisy"
		}
		notes[i] = note{text: fmt.Sprintf("note %d", i), fields: map[string]any{
			"id": fmt.Sprintf("n%d", i), "patient": fmt.Sprintf("p%d", i/4), "quality": quality, "n": i % 5, "tags": map[string]any{"icu": i%2 == 0},
		}}
	}
	return notes
}

func TestSplitCounts(t *testing.T) {
	d := build(t, wards(200))
	clean := map[string]any{"quality": "clean"}
	p, err := Split(d, SplitConfig{
		GroupBy:    "patient",
		Test:       Rule{Count: 30, Seed: 42, Where: clean},
		Validation: Rule{Fraction: 0.1, Seed: 42, Where: clean},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Test) != 30 || len(p.Validation) != 13 { // 133 are clean
		t.Errorf("got %d test and %d validation records", len(p.Test), len(p.Validation))
	}
	for _, i := range slices.Concat(p.Test, p.Validation) {
		if fieldsOf(&d.Records[i])["quality"] != "clean" {
			t.Errorf("record %d is held out and not clean", i)
		}
	}
	if n := len(p.Train) + len(p.Test) + len(p.Validation) + len(p.Withheld); n != 200 {
		t.Errorf("%d of 200 records are accounted for", n)
	}
	if p.Groups != 50 || p.Duplicates != 0 || p.Ungrouped != 0 || len(p.Withheld) == 0 {
		t.Errorf("got %d groups, %d duplicates, %d ungrouped, %d withheld", p.Groups, p.Duplicates, p.Ungrouped, len(p.Withheld))
	}
	surplus := 0
	for _, i := range p.Withheld {
		if fieldsOf(&d.Records[i])["quality"] == "clean" {
			surplus++
		}
	}
	if p.Surplus != surplus {
		t.Errorf("surplus is %d, want %d", p.Surplus, surplus)
	}
	whole, err := Split(d, SplitConfig{})
	if err != nil || !slices.Equal(whole.Train, d.All()) || whole.Groups != 200 {
		t.Errorf("no rules: got %+v, %v", whole, err)
	}
}

func TestSplitKeepsEqualContentTogether(t *testing.T) {
	var notes []note
	for i := range 40 {
		notes = append(notes,
			note{text: fmt.Sprintf("text %d", i), fields: map[string]any{"quality": "clean", "copy": 0}},
			note{text: fmt.Sprintf(" text %d\r\n", i), fields: map[string]any{"quality": "noisy", "copy": 1}})
	}
	d := build(t, notes)
	p, err := Split(d, SplitConfig{Validation: Rule{Count: 10, Where: map[string]any{"quality": "clean"}}})
	if err != nil {
		t.Fatal(err)
	}
	if p.Duplicates != 40 || p.Groups != 40 || len(p.Validation) != 10 || len(p.Withheld) != 10 || len(p.Train) != 60 || p.Surplus != 0 {
		t.Errorf("got %+v", p)
	}
	for i, v := range p.Validation {
		if p.Withheld[i] != v+1 {
			t.Errorf("the twin of %d is not withheld", v)
		}
	}
}

func TestSplitIndependence(t *testing.T) {
	d := build(t, wards(120))
	cfg := SplitConfig{GroupBy: "patient", Test: Rule{Count: 20, Seed: 1}, Validation: Rule{Count: 10, Seed: 1}}
	base, err := Split(d, cfg)
	if err != nil {
		t.Fatal(err)
	}
	other := cfg
	other.Validation = Rule{Fraction: 0.5, Seed: 9}
	if p, err := Split(d, other); err != nil || !slices.Equal(p.Test, base.Test) {
		t.Errorf("another validation rule changed the test set: %v", err)
	}
	other = cfg
	other.Test.Seed = 2
	if p, err := Split(d, other); err != nil || slices.Equal(p.Test, base.Test) {
		t.Errorf("another seed gave the same test set: %v", err)
	}
	if slices.Equal(base.Test[:10], base.Validation) {
		t.Error("both sides drew the same")
	}
	// Appended notes of other patients push at most as many records out of a side.
	more := wards(124)
	p, err := Split(build(t, more), cfg)
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for _, i := range p.Test {
		if slices.Contains(base.Test, i) {
			kept++
		}
	}
	if kept < 16 {
		t.Errorf("one patient more changed %d of 20 test records", 20-kept)
	}
}

func TestSplitErrors(t *testing.T) {
	notes := wards(12)
	notes[3].fields["blob"] = []any{1}
	d := build(t, notes)
	for _, test := range []struct {
		name  string
		cfg   SplitConfig
		is    error
		place string
		says  string
	}{
		{"too many", SplitConfig{Test: Rule{Count: 13}}, ErrTooFew, "test", "13 wanted, 12 match"},
		{
			"too many of a kind",
			SplitConfig{Validation: Rule{Count: 9, Where: map[string]any{"quality": "clean"}}},
			ErrTooFew, "validation", "9 wanted, 8 match",
		},
		{
			"too many left",
			SplitConfig{Test: Rule{Count: 8}, Validation: Rule{Count: 8}},
			ErrTooFew, "validation", "8 wanted, 12 match, and 8 of those are bound to the test set",
		},
		{"negative", SplitConfig{Test: Rule{Count: -1}}, ErrBadRule, "test", "count is -1"},
		{"fraction", SplitConfig{Test: Rule{Fraction: 1.5}}, ErrBadRule, "test", "fraction is 1.5"},
		{"both", SplitConfig{Test: Rule{Fraction: .5, Count: 3}}, ErrBadRule, "test", "both"},
		{"fraction of nothing", SplitConfig{Test: Rule{Fraction: .01}}, ErrTooFew, "test", "0.01 of the 12 that match is none"},
		{"where alone", SplitConfig{Test: Rule{Where: map[string]any{"quality": "clean"}}}, ErrBadRule, "test", "without a count"},
		{"unknown group", SplitConfig{GroupBy: "patients"}, ErrUnknownField, "group_by", `"patients"`},
		{"group by a list", SplitConfig{GroupBy: "blob"}, ErrBadRule, "group_by", "an array in line 4"},
		{
			"unknown field",
			SplitConfig{Test: Rule{Count: 1, Where: map[string]any{"qualty": "clean"}}},
			ErrUnknownField, "test.where.qualty", `"qualty"`,
		},
		{
			"value of the wrong type",
			SplitConfig{Test: Rule{Count: 1, Where: map[string]any{"quality": map[string]any{}}}},
			ErrBadRule, "test.where.quality", "map[string]interface {}",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Split(d, test.cfg)
			var e *RuleError
			if !errors.As(err, &e) || !errors.Is(err, test.is) {
				t.Fatalf("got %v, want %v", err, test.is)
			}
			if e.Place != test.place || !strings.Contains(err.Error(), test.says) || e.Hint() == "" {
				t.Errorf("got %q with hint %q, want place %s and %q", err, e.Hint(), test.place, test.says)
			}
		})
	}
}

func TestHints(t *testing.T) {
	d := build(t, wards(12))
	for field, want := range map[string]string{
		"qualty":  `did you mean "quality"?`,
		"Patient": `did you mean "patient"?`,
		"icu":     `did you mean "tags.icu"?`,
		"weather": `fields are "id", "n", "patient", "quality", "tags", "tags.icu"`,
	} {
		var e *RuleError
		if err := d.RequireField("group_by", field); !errors.As(err, &e) || e.Hint() != want {
			t.Errorf("%s: got %v, want hint %s", field, err, want)
		}
	}
}

// drawNotes draws a dataset with many equal contents and shared groups.
func drawNotes(t *rapid.T) []note {
	gen := rapid.Custom(func(t *rapid.T) note {
		n := note{text: fmt.Sprint("text ", rapid.IntRange(0, 60).Draw(t, "text")), fields: map[string]any{}}
		if g := rapid.IntRange(-2, 15).Draw(t, "group"); g >= 0 {
			n.fields["group"] = g
		}
		n.fields["quality"] = rapid.SampledFrom([]string{"clean", "noisy"}).Draw(t, "quality")
		n.fields["serial"] = rapid.IntRange(0, 1e9).Draw(t, "serial")
		return n
	})
	notes := rapid.SliceOfN(gen, 1, 60).Draw(t, "notes")
	notes[0].fields["group"] = 0 // the field has to exist
	return notes
}

func TestSplitProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		notes := drawNotes(rt)
		d := build(t, notes)
		rule := func(label string) Rule {
			r := Rule{Seed: rapid.Uint64().Draw(rt, label+" seed"), Count: rapid.IntRange(0, 10).Draw(rt, label+" count")}
			if r.Count > 0 && rapid.Bool().Draw(rt, label+" where") {
				r.Where = map[string]any{"quality": "clean"}
			}
			return r
		}
		cfg := SplitConfig{GroupBy: rapid.SampledFrom([]string{"", "group"}).Draw(rt, "group by"), Test: rule("test"), Validation: rule("validation")}
		p, err := Split(d, cfg)
		if errors.Is(err, ErrTooFew) {
			return
		}
		if err != nil {
			rt.Fatal(err)
		}
		if len(p.Test) != cfg.Test.Count || len(p.Validation) != cfg.Validation.Count {
			rt.Fatalf("wanted %d and %d, got %d and %d", cfg.Test.Count, cfg.Validation.Count, len(p.Test), len(p.Validation))
		}
		side := make([]string, len(notes))
		content, group := map[[32]byte]string{}, map[any]string{}
		for name, members := range map[string][]int{"train": p.Train, "validation": p.Validation, "test": p.Test, "": p.Withheld} {
			if !slices.IsSorted(members) {
				rt.Fatalf("%s is not in dataset order", name)
			}
			for _, i := range members {
				if side[i] != "" {
					rt.Fatalf("record %d is on two sides", i)
				}
				side[i] = name
				if name == "" {
					side[i] = "withheld"
					continue
				}
				r := &d.Records[i]
				if other, ok := content[r.ContentID]; ok && other != name {
					rt.Fatalf("one content in %s and %s", name, other)
				}
				content[r.ContentID] = name
				g := fieldsOf(r)["group"]
				if other, ok := group[g]; ok && other != name && g != nil && cfg.GroupBy != "" {
					rt.Fatalf("one group in %s and %s", name, other)
				}
				group[g] = name
			}
		}
		if slices.Contains(side, "") {
			rt.Fatal("a record is on no side")
		}

		// The order of the file decides nothing.
		perm := rand.New(rand.NewPCG(7, rapid.Uint64().Draw(rt, "order"))).Perm(len(notes))
		mixed := make([]note, len(notes))
		for to, from := range perm {
			mixed[to] = notes[from]
		}
		e := build(t, mixed)
		q, err := Split(e, cfg)
		if err != nil {
			rt.Fatal(err)
		}
		for _, pair := range [][2][]int{{p.Train, q.Train}, {p.Validation, q.Validation}, {p.Test, q.Test}, {p.Withheld, q.Withheld}} {
			if diff := cmp.Diff(ids(d, pair[0]), ids(e, pair[1])); diff != "" {
				rt.Fatalf("another order of the file, another split: %s", diff)
			}
		}
	})
}

// ids returns the record IDs of some records, sorted.
func ids(d *Dataset, indexes []int) []string {
	var result []string
	for _, i := range indexes {
		result = append(result, fmt.Sprintf("%x", d.Records[i].ID))
	}
	slices.Sort(result)
	return result
}

// relabelled returns the notes with new answers for some records: one for all
// records of a content, which no other record has.
func relabelled(d *Dataset, notes []note, some []int) []note {
	changed := map[[32]byte]bool{}
	for _, i := range some {
		changed[d.Records[i].ContentID] = true
	}
	result := slices.Clone(notes)
	for i, n := range result {
		if id := d.Records[i].ContentID; changed[id] {
			result[i].answer = fmt.Sprintf("corrected %q from %q", n.text, n.answer)
		}
	}
	return result
}

// Held-out answers may be corrected while experiments go on. No record may
// change sides for it, or adapters would be judged on what they were trained on.
func TestHeldOutLabelsChangeNoSplit(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		notes := drawNotes(rt)
		for i := range notes {
			notes[i].answer = rapid.SampledFrom([]string{"A", "B"}).Draw(rt, "answer")
			notes[i].fields["serial"] = i // a name, as records mostly have one
		}
		d := build(t, notes)
		cfg := SplitConfig{
			GroupBy:    rapid.SampledFrom([]string{"", "group"}).Draw(rt, "group by"),
			Test:       Rule{Seed: rapid.Uint64().Draw(rt, "test seed"), Count: rapid.IntRange(1, 20).Draw(rt, "test count")},
			Validation: Rule{Seed: rapid.Uint64().Draw(rt, "validation seed"), Count: rapid.IntRange(0, 10).Draw(rt, "validation count")},
		}
		before, err := Split(d, cfg)
		if errors.Is(err, ErrTooFew) {
			rt.Skip("fewer records than the rules ask for")
		}
		if err != nil {
			rt.Fatal(err)
		}
		after, err := Split(build(t, relabelled(d, notes, slices.Concat(before.Test, before.Validation))), cfg)
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(before, after); diff != "" {
			rt.Fatalf("other answers, another split: %s", diff)
		}
	})
}

// Without anything before the answer the answers are all there is to go by. The
// seed decides then too, and the order of the file does not.
func TestSplitOfAnswersAlone(t *testing.T) {
	lines := make([]string, 40)
	for i := range lines {
		lines[i] = fmt.Sprintf(`{"messages":[{"role":"assistant","content":"text %d"}]}`, i)
	}
	draw := func(lines []string, seed uint64) []string {
		d := read(t, strings.Join(lines, "\n"))
		p, err := Split(d, SplitConfig{Test: Rule{Count: 10, Seed: seed}})
		if err != nil {
			t.Fatal(err)
		}
		return ids(d, p.Test)
	}
	first := draw(lines, 1)
	if slices.Equal(first, draw(lines, 2)) {
		t.Error("another seed gave the same test set")
	}
	slices.Reverse(lines)
	if !slices.Equal(first, draw(lines, 1)) {
		t.Error("another order of the file gave another test set")
	}
}
