package audit

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"daybook/ledger"
)

// hostile is text that others wrote, with power over terminals and pages.
const hostile = "</td><script>x</script>|\x1b[2J\n# not a heading"

// subject is an adapter of which hardly anything is known.
func subject() Subject {
	t := &ledger.Trace{}
	t.Adapter = ledger.Cited[ledger.Adapter]{Entry: 9, Fact: ledger.Adapter{Digest: strings.Repeat("a", 64), Sweep: "s", Version: 3, Epoch: 1}}
	t.Sweep = ledger.Cited[ledger.Sweep]{Entry: 2, Fact: ledger.Sweep{Name: "s"}}
	t.Run.Spec = json.RawMessage(`{"base":{"model":"m"},"data":{"subset":{"op":"all"}}}`)
	return Subject{Trace: t, Later: true}
}

func find(t *testing.T, a *Audit, section, key string) Statement {
	t.Helper()
	for _, s := range a.Sections {
		for _, st := range s.Statements {
			if s.Key == section && st.Key == key {
				return st
			}
		}
	}
	t.Fatalf("no statement %s of %s", key, section)
	return Statement{}
}

// TestGrades grades the same facts by what is at hand.
func TestGrades(t *testing.T) {
	s := subject()
	digest := strings.Repeat("b", 64)
	s.Trace.Datasets = []ledger.Cited[ledger.Dataset]{{Entry: 1, Fact: ledger.Dataset{Digest: digest, Path: "notes.jsonl", Records: 3}}}
	for name, c := range map[string]struct {
		evidence Evidence
		want     Grade
		rests    string
	}{
		"gone":    {Evidence{Cite: "entry %d"}, Recorded, "entry 2"},
		"there":   {Evidence{Cite: "entry %d", Seen: map[string]string{digest: "file notes.jsonl"}}, Proved, "file notes.jsonl, digested now; entry 2"},
		"changed": {Evidence{Cite: "entry %d", Changed: map[string]string{digest: "file notes.jsonl"}}, Recorded, "entry 2; file notes.jsonl has other bytes now"},
	} {
		a, err := New(s, c.evidence)
		if err != nil {
			t.Fatal(err)
		}
		if got := find(t, a, "data", "file1.digest"); got.Grade != c.want || got.Rests != c.rests {
			t.Errorf("%s: %+v", name, got)
		}
		for _, key := range []string{"file1.license", "file1.consent", "file1.origin", "split"} { // the sweep's own data is another
			if got := find(t, a, "data", key); got.Grade != Unknown {
				t.Errorf("%s: %+v", name, got)
			}
		}
		if got := find(t, a, "base", "license"); got.Grade != Unknown {
			t.Errorf("%s: %+v", name, got)
		}
	}
	s.Trace.Sweep.Fact.Data = ledger.Data{Digest: digest, Records: 3, Sources: []ledger.DataSource{{Path: "notes.jsonl", Digest: digest, License: map[string]int{"": 2, "MIT": 1}, Consent: map[string]int{"": 3}}}}
	a, err := New(s, Evidence{Cite: "entry %d"})
	if err != nil {
		t.Fatal(err)
	}
	if got := find(t, a, "data", "file1.license"); got.Grade != Claimed || got.Value != "no licence: 2 records; MIT: 1 record" {
		t.Errorf("%+v", got)
	}
	if got := find(t, a, "data", "file1.consent"); got.Grade != Unknown {
		t.Errorf("%+v", got)
	}
}

// TestHostile has what others wrote stay text, whatever it is written as.
func TestHostile(t *testing.T) {
	s := subject()
	s.SignOffs = []ledger.Cited[ledger.SignOff]{{Entry: 10, Fact: ledger.SignOff{Decision: "approved", Person: hostile, Reason: hostile}}}
	a, err := New(s, Evidence{Cite: "entry %d", Problems: []ledger.Problem{{Where: hostile, What: hostile}}})
	if err != nil {
		t.Fatal(err)
	}
	if a.Sound {
		t.Error("it is sound, for all its problems")
	}
	for format, never := range map[Format][]string{
		FormatText: {"\x1b", "\n# not"}, FormatMarkdown: {"\x1b", "\n# not", "</td><script>", " |# "}, FormatHTML: {"<script>"},
	} {
		var out bytes.Buffer
		if err := Render(&out, a, format); err != nil {
			t.Fatal(err)
		}
		for _, text := range never {
			if strings.Contains(out.String(), text) {
				t.Errorf("%s holds %q", format, text)
			}
		}
		if strings.Count(out.String(), "not a heading") != 4 {
			t.Errorf("%s does not say all of it:\n%s", format, out.String())
		}
	}
	if err := Render(&bytes.Buffer{}, a, "pdf"); err == nil {
		t.Error("there is no such format")
	}
}

func TestSubset(t *testing.T) {
	for text, want := range map[string]string{
		`{"op":"all"}`: "all",
		`{"op":"take","count":3,"where":{"b":1,"a":"x"},"seed":18446744073709551615}`:               `take(3, where {"a":"x","b":1}, seed 18446744073709551615)`,
		`{"op":"union","of":[{"op":"fraction","fraction":0.5},{"op":"ids","count":2,"ids":["d"]}]}`: "union(fraction(0.5), ids(2 named records, d))",
	} {
		var s subset
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			t.Fatal(err)
		}
		if got := s.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
