package metric

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func build(tb testing.TB, cfg Config) Metric {
	tb.Helper()
	m, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// TestCases scores extractions that were labelled by hand.
func TestCases(t *testing.T) {
	text, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name, Note  string
		Match       []string
		Gold, Items json.RawMessage
		Answer      string
		TP, FP, FN  float64
		Invented    float64
		Values      float64
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 30 {
		t.Fatalf("%d cases", len(cases))
	}
	for _, test := range cases {
		t.Run(test.Name, func(t *testing.T) {
			c := Case{Source: test.Note, Reference: `{"medications":` + string(test.Gold) + `}`, Prediction: test.Answer}
			if test.Items != nil {
				c.Prediction = `{"medications":` + string(test.Items) + `}`
			}
			for kind, want := range map[string]Score{
				"field_precision": {test.TP, test.TP + test.FP},
				"field_recall":    {test.TP, test.TP + test.FN},
				"field_f1":        {2 * test.TP, 2*test.TP + test.FP + test.FN},
				"invented":        {test.Invented, test.Values},
			} {
				cfg := Config{Kind: kind, List: "medications", Match: test.Match}
				if kind == "invented" {
					cfg.Match = nil
				}
				if got := build(t, cfg).Score(c); got != want {
					t.Errorf("%s: got %v over %v, want %v over %v", kind, got.Num, got.Den, want.Num, want.Den)
				}
			}
		})
	}
}

func TestPlainMetrics(t *testing.T) {
	schema := json.RawMessage(`{"type":"object","required":["a"],"properties":{"a":{"$ref":"#/$defs/n"}},"$defs":{"n":{"type":"integer"}}}`)
	c := Case{Reference: " x\n", Prediction: "x", NLL: 3, Targets: 4, Hits: 1}
	with := func(prediction string) Case { return Case{Prediction: prediction} }
	for _, test := range []struct {
		kind string
		c    Case
		want Score
	}{
		{"loss", c, Score{3, 4}},
		{"perplexity", c, Score{3, 4}},
		{"token_accuracy", c, Score{1, 4}},
		{"exact_match", c, Score{1, 1}},
		{"exact_match", Case{Reference: "x", Prediction: "X"}, Score{0, 1}},
		{"json_valid", with(" {\"a\":[1]}\n"), Score{1, 1}},
		{"json_valid", with(`"a"`), Score{1, 1}},
		{"json_valid", with("{'a':1}"), Score{0, 1}},
		{"json_valid", with("```json\n{}\n```"), Score{0, 1}},
		{"json_valid", with("{} {}"), Score{0, 1}},
		{"json_valid", with(""), Score{0, 1}},
		{"schema_valid", with(`{"a":1}`), Score{1, 1}},
		{"schema_valid", with(`{"a":"1"}`), Score{0, 1}},
		{"schema_valid", with(`{}`), Score{0, 1}},
		{"schema_valid", with(`{"a":1`), Score{0, 1}},
		{"schema_valid", with(`{"a":1} x`), Score{0, 1}},
	} {
		cfg := Config{Kind: test.kind}
		if test.kind == "schema_valid" {
			cfg.Schema = schema
		}
		if got := build(t, cfg).Score(test.c); got != test.want {
			t.Errorf("%s of %q: got %v, want %v", test.kind, test.c.Prediction, got, test.want)
		}
	}
}

func TestAggregate(t *testing.T) {
	sum := Score{3, 4}.Add(Score{1, 4})
	if got := build(t, Config{Kind: "loss"}).Aggregate(sum); got != 0.5 {
		t.Errorf("loss is %v", got)
	}
	if got := build(t, Config{Kind: "perplexity"}).Aggregate(sum); got != math.Exp(0.5) {
		t.Errorf("perplexity is %v", got)
	}
	for _, kind := range []string{"loss", "perplexity", "json_valid"} {
		if got := build(t, Config{Kind: kind}).Aggregate(Score{}); !math.IsNaN(got) {
			t.Errorf("%s of nothing is %v", kind, got)
		}
	}
}

func TestNames(t *testing.T) {
	for _, test := range []struct {
		cfg  Config
		want string
	}{
		{Config{Kind: "loss"}, "loss"},
		{Config{Kind: "field_f1", List: "medications"}, "field_f1(medications)"},
		{Config{Kind: "field_f1", List: "medications", Match: []string{"name"}}, "field_f1(medications)"},
		{Config{Kind: "field_recall", List: "m", Match: []string{"dose", "name"}}, "field_recall(m:dose,name)"},
		{Config{Kind: "invented", List: "medications"}, "invented(medications)"},
	} {
		m := build(t, test.cfg)
		if m.Name() != test.want || m.Version() < 1 {
			t.Errorf("got %s, version %d, want %s", m.Name(), m.Version(), test.want)
		}
	}
	lower := []string{"loss", "perplexity", "invented"}
	for _, kind := range Kinds() {
		m := build(t, Config{Kind: kind, List: "l", Schema: json.RawMessage("true")})
		if m.LowerIsBetter() != slices.Contains(lower, kind) {
			t.Errorf("%s: lower is better: %v", kind, m.LowerIsBetter())
		}
	}
}

func TestNewErrors(t *testing.T) {
	for _, test := range []struct {
		cfg  Config
		says string
	}{
		{Config{Kind: "f1"}, `unknown kind "f1" (there are loss, `},
		{Config{}, "unknown kind"},
		{Config{Kind: "field_f1"}, "field_f1 needs the key"},
		{Config{Kind: "invented"}, "invented needs the key"},
		{Config{Kind: "schema_valid"}, "needs a JSON Schema"},
		{Config{Kind: "schema_valid", Schema: json.RawMessage("{")}, "schema: "},
		{Config{Kind: "schema_valid", Schema: json.RawMessage(`{"type":"text"}`)}, "schema: "},
		{Config{Kind: "schema_valid", Schema: json.RawMessage(`{"$ref":"file:///etc/passwd"}`)}, "another document"},
		{Config{Kind: "schema_valid", Schema: json.RawMessage(`{"$ref":"https://example.com/s"}`)}, "another document"},
	} {
		_, err := New(test.cfg)
		if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%+v: got %v, want %q in it", test.cfg, err, test.says)
		}
	}
}

func TestCheck(t *testing.T) {
	f1 := build(t, Config{Kind: "field_f1", List: "medications"})
	for reference, says := range map[string]string{
		`{"medications":[]}`:        "",
		`{"medications":["x"]}`:     "",
		`aspirin`:                   "it is not JSON",
		`{"medications":[]} indeed`: "something follows the JSON",
		`[]`:                        "it is not a JSON object",
		`{"meds":[]}`:               `it has no array under "medications"`,
		`{"medications":null}`:      `it has no array under "medications"`,
	} {
		err := f1.Check(reference)
		if says == "" && err != nil || says != "" && (!errors.Is(err, ErrReference) || !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: got %v, want %q", reference, err, says)
		}
		for _, kind := range []string{"loss", "json_valid", "invented"} {
			if err := build(t, Config{Kind: kind, List: "medications"}).Check(reference); err != nil {
				t.Errorf("%s of %s: %v", kind, reference, err)
			}
		}
	}
}

func TestUnfence(t *testing.T) {
	for in, want := range map[string]string{
		" {} ":                  "{}",
		"```\n{}\n```":          "{}\n",
		"```json\n{}```":        "{}",
		"```json {}\n```":       "```json {}\n```", // the answer stands where the language should
		"```json\n{}":           "```json\n{}",
		"x ```json\n{}\n```":    "x ```json\n{}\n```",
		"```json\n{}\n``` done": "```json\n{}\n``` done",
		"``````":                "``````",
		"```":                   "```",
	} {
		if got := unfence(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// answer draws an extraction over few names and values, so that items collide.
func answer() *rapid.Generator[string] {
	word := rapid.SampledFrom([]any{nil, "", "a", "A", " a", "b", "a b", "10 mg", "10mg", 5.0, true, []any{"a"}})
	item := rapid.MapOf(rapid.SampledFrom([]string{"name", "dose", "x"}), word)
	return rapid.Custom(func(t *rapid.T) string {
		list := rapid.SliceOfN(item, 0, 5).Draw(t, "items")
		text, err := json.Marshal(map[string]any{"list": list})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	})
}

func TestFieldProperties(t *testing.T) {
	cfg := Config{List: "list", Match: []string{"name"}}
	rapid.Check(t, func(t *rapid.T) {
		a, b := answer().Draw(t, "a"), answer().Draw(t, "b")
		n := countFields(cfg, items(a, "list"), items(b, "list"))
		swapped := countFields(cfg, items(b, "list"), items(a, "list"))
		if n.tp != swapped.tp || n.fp != swapped.fn || n.fn != swapped.fp {
			t.Fatalf("exchanging the sides of %+v gives %+v", n, swapped)
		}
		fields := func(text string) (sum float64) {
			for _, it := range items(text, "list") {
				sum += float64(len(it))
			}
			return sum
		}
		if n.tp+n.fp != fields(a) || n.tp+n.fn != fields(b) {
			t.Fatalf("%+v doesn't account for every field", n)
		}
	})
}

func FuzzScore(f *testing.F) {
	for _, s := range []string{
		`{"medications":[{"name":"a","dose":1e400}]}`, "```json\n{\"medications\":[1,[2],{\"\":null}]}\n```", `[]`, `{"medications":null}`,
		"q8h PRN ½ tab 1,000.50 mg/day ×3", "0.0.0 ,1 1, 1,23 .", "I'm \u0301 ''s", strings.Repeat("[", 1000),
	} {
		f.Add(s, s)
	}
	var all []Metric
	for _, kind := range Kinds() {
		m, err := New(Config{Kind: kind, List: "medications", Schema: json.RawMessage(`{"type":"object"}`)})
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, m)
	}
	f.Fuzz(func(t *testing.T, source, prediction string) {
		for _, m := range all {
			s := m.Score(Case{Source: source, Reference: source, Prediction: prediction})
			if !(s.Num >= 0 && s.Num <= s.Den) {
				t.Fatalf("%s: %v over %v", m.Name(), s.Num, s.Den)
			}
		}
		// What a text says occurs in the text.
		if words := normalise(source); len(words) > 0 && !newPhrases(source).contain(words) {
			t.Fatalf("%q doesn't hold its own words", source)
		}
	})
}
