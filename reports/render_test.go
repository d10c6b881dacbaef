package reports

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"pgregory.net/rapid"

	"daybook/ledger"
)

func TestGolden(t *testing.T) {
	r := must(New(clinical.results(), Options{}))(t)
	for _, width := range []int{60, 80, 120, 200} {
		golden(t, fmt.Sprintf("clinical.%d.txt", width), rendered(t, r, FormatTable, width))
	}
	golden(t, "clinical.md", rendered(t, r, FormatMarkdown, 0))
	golden(t, "clinical.csv", rendered(t, r, FormatCSV, 0))
	golden(t, "clinical.json", rendered(t, r, FormatJSON, 0))
	golden(t, "clinical.html", rendered(t, r, FormatHTML, 0))
	golden(t, "clinical.tex", rendered(t, r, FormatLaTeX, 0))
}

// TestGoldenUnusual covers sweeps that lack most of what a table shows.
func TestGoldenUnusual(t *testing.T) {
	for name, res := range map[string]*ledger.Results{
		"empty":    {Sweep: ledger.Sweep{Name: "empty", Axes: []ledger.Axis{{Name: "rank"}, {Name: "seed"}}}},
		"failed":   failed(),
		"untested": untested(),
		"baseline": study{records: 200}.results(),
		"plain":    plainSweep(),
	} {
		t.Run(name, func(t *testing.T) {
			r := quick(t, res)
			golden(t, name+".80.txt", rendered(t, r, FormatTable, 80))
			golden(t, name+".md", rendered(t, r, FormatMarkdown, 0))
			golden(t, name+".csv", rendered(t, r, FormatCSV, 0))
			golden(t, name+".json", rendered(t, r, FormatJSON, 0))
			golden(t, name+".tex", rendered(t, r, FormatLaTeX, 0))
		})
	}
}

// failed is a sweep of which nothing came.
func failed() *ledger.Results {
	res := small.results()
	for i := range res.Runs {
		run := &res.Runs[i]
		run.State, run.Test, run.Validation, run.Published, run.ChosenEpoch, run.Tokens, run.Seconds = ledger.Failed, nil, nil, nil, 0, 0, 0
		run.Error = "base: model.safetensors: header is 9 bytes, file has 8"
	}
	return res
}

// untested is a sweep without a test set.
func untested() *ledger.Results {
	res := small.results()
	for i := range res.Runs {
		res.Runs[i].Test, res.Runs[i].TestSet = nil, ""
	}
	return res
}

// plainSweep is a single run of an unnamed design.
func plainSweep() *ledger.Results {
	res := study{records: 120, ranks: []int{8}, data: []string{"all"}, seeds: 1, epochs: 1}.results()
	res.Sweep.Axes, res.Runs[1].Axes = []ledger.Axis{}, []ledger.Choice{}
	return res
}

func TestCSV(t *testing.T) {
	r := quick(t, small.results())
	all, err := csv.NewReader(strings.NewReader(rendered(t, r, FormatCSV, 0))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	header := all[0]
	if len(all) != len(r.Rows)+1 || len(slices.Compact(slices.Sorted(slices.Values(header)))) != len(header) {
		t.Fatalf("%d lines, header %v", len(all), header)
	}
	for i, w := range r.Rows {
		for name, want := range map[string]*float64{"mean": w.Mean, "sd": w.SD, "loss": w.Loss, "validation": w.Validation, "seconds": &w.Seconds} {
			got := all[i+1][slices.Index(header, name)]
			v, err := strconv.ParseFloat(got, 64)
			if want == nil && got != "" || want != nil && (err != nil || v != *want) {
				t.Errorf("row %d: %s is %q", i, name, got)
			}
		}
		if c := w.VersusBest; c != nil {
			if got := all[i+1][slices.Index(header, "versus_best_high")]; got != exact(&c.High) {
				t.Errorf("row %d: versus_best_high is %q, want %g", i, got, c.High)
			}
		}
	}
}

// labels draws choices as people may write them.
var labels = rapid.StringOfN(rapid.RuneFrom([]rune("aZ09 .-_|*`~[]<é世\n\t\x1b\\")), 1, 30, -1)

func labelled(t *rapid.T) *ledger.Results {
	res := study{records: 20, ranks: []int{1}, data: []string{"a", "b"}, seeds: 2, epochs: rapid.IntRange(1, 12).Draw(t, "epochs"), bench: true}.results()
	axes := rapid.SliceOfNDistinct(labels, 0, 5, rapid.ID).Draw(t, "axes")
	res.Sweep.Axes = []ledger.Axis{{Name: "seed", Path: "seed"}}
	for _, a := range axes {
		res.Sweep.Axes = append(res.Sweep.Axes, ledger.Axis{Name: a, Path: "train." + a})
	}
	for i := range res.Runs {
		run := &res.Runs[i]
		seed := label(run, "seed")
		run.Axes = []ledger.Choice{{Axis: "seed", Label: seed}}
		for _, a := range axes {
			run.Axes = append(run.Axes, ledger.Choice{Axis: a, Label: labels.Draw(t, "label")})
		}
	}
	return res
}

func TestFitsWidth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, err := New(labelled(t), Options{Resamples: 50})
		if err != nil {
			t.Fatal(err)
		}
		width := rapid.IntRange(70, 220).Draw(t, "width")
		var out strings.Builder
		if err := Render(&out, r, FormatTable, width); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			line = strings.TrimSuffix(line, "\n")
			if got := twwidth.Width(line); got > width {
				t.Fatalf("%d columns in %d: %q", got, width, line)
			}
			if strings.ContainsFunc(line, unicode.IsControl) || strings.HasSuffix(line, " ") {
				t.Fatalf("%q", line)
			}
		}
	})
}

func TestMarkdownTables(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, err := New(labelled(t), Options{Resamples: 50})
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		if err := Render(&out, r, FormatMarkdown, 0); err != nil {
			t.Fatal(err)
		}
		bars := 0 // of the table's header
		for line := range strings.Lines(out.String()) {
			if !strings.HasPrefix(line, "|") {
				bars = 0
				continue
			}
			n := strings.Count(strings.ReplaceAll(strings.ReplaceAll(line, `\\`, ""), `\|`, ""), "|")
			if bars == 0 {
				bars = n
			}
			if n != bars {
				t.Fatalf("%d cells under %d heads: %s", n-1, bars-1, line)
			}
		}
	})
}

// TestLaTeXTables: whatever labels hold, each row has the cells that its table's
// columns ask for, and nothing in it is a command that isn't ours.
func TestLaTeXTables(t *testing.T) {
	begin := regexp.MustCompile(`^\\begin\{tabular\}\{@\{\}([lr]*)@\{\}\}$`)
	escaped := regexp.MustCompile(`\\(text[a-z]+\{|pm\$|sim\$|dots\{|[{}$&#%_])`)
	rapid.Check(t, func(t *rapid.T) {
		r, err := New(labelled(t), Options{Resamples: 50})
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		if err := Render(&out, r, FormatLaTeX, 0); err != nil {
			t.Fatal(err)
		}
		cells := 0
		for line := range strings.Lines(out.String()) {
			line = strings.TrimSuffix(line, "\n")
			if m := begin.FindStringSubmatch(line); m != nil {
				cells = len(m[1])
			}
			row, is := strings.CutSuffix(line, ` \\`)
			if !is || strings.HasPrefix(line, `\textit`) {
				continue
			}
			plain := escaped.ReplaceAllString(row, "")
			if got := strings.Count(plain, "&") + 1; got != cells || strings.ContainsAny(plain, `\#%_^~`) {
				t.Fatalf("%d cells of %d: %s", got, cells, line)
			}
		}
		if cells == 0 {
			t.Fatal("no table")
		}
	})
}

// TestHTMLEscapes: labels stay text.
func TestHTMLEscapes(t *testing.T) {
	res := small.results()
	for i := range res.Runs {
		for j := range res.Runs[i].Axes {
			res.Runs[i].Axes[j].Label += "<script>alert(1)</script>"
		}
	}
	got := rendered(t, quick(t, res), FormatHTML, 0)
	if strings.Contains(got, "<script") || !strings.Contains(got, "&lt;script&gt;") {
		t.Error(got)
	}
}

// TestPieces: however narrow the terminal, a table is broken before anything is
// left out that a comparison needs. What else goes is named.
func TestPieces(t *testing.T) {
	r := quick(t, clinical.results())
	table := r.comparison()
	if whole := table.pieces(0); len(whole) != 1 || len(whole[0].fit(0).columns) != len(table.Columns)-1 { // one is for machines
		t.Fatalf("%d pieces without a limit", len(whole))
	}
	best := slices.IndexFunc(r.Rows, func(w Row) bool { return w.Best })
	last := 1
	for width := 220; width >= 53; width-- {
		pieces := table.pieces(width)
		if len(pieces) < last {
			t.Errorf("%d pieces at %d, %d at %d", len(pieces), width, last, width+1)
		}
		last = len(pieces)
		var got []string
		for _, piece := range pieces {
			shown := piece.fit(width)
			if shown.width > width {
				t.Errorf("%d columns at %d", shown.width, width)
			}
			got = append(got, shown.omitted...)
			for i, c := range shown.columns {
				got = append(got, c.describe())
				cell := shown.rows[best-1][i]
				if strings.HasPrefix(c.Header, "vs ") && !strings.Contains(cell, "[") || c.Header == "F1" && !strings.Contains(cell, "±") {
					t.Errorf("%s is %s at %d", c.Header, cell, width)
				}
			}
		}
		for _, c := range table.Columns[1:] {
			if c.Hidden {
				continue
			}
			want := 1
			if c.Part == 0 {
				want = len(pieces)
			}
			n := 0
			for _, head := range got {
				if head == c.describe() {
					n++
				}
			}
			if n != want {
				t.Errorf("%s is there %d times at %d, want %d", c.describe(), n, width, want)
			}
		}
	}
	if last > 6 {
		t.Errorf("%d pieces", last)
	}
	if n := len(table.pieces(80)); n != 3 {
		t.Errorf("%d pieces on a terminal of 80 columns", n)
	}
}

func TestParseFormat(t *testing.T) {
	for _, f := range Formats() {
		if got, err := ParseFormat(string(f)); got != f || err != nil {
			t.Errorf("%s is %s, %v", f, got, err)
		}
	}
	for _, bad := range []string{"", "pdf", "Table"} {
		_, err := ParseFormat(bad)
		if err == nil || !strings.Contains(err.Error(), "table, markdown, csv, json, html, latex") {
			t.Errorf("%q: %v", bad, err)
		}
		if got := Render(io.Discard, quick(t, small.results()), Format(bad), 80); got == nil {
			t.Errorf("rendered as %q", bad)
		}
	}
}

// broken is a writer that fails.
type broken struct{}

var errBroken = errors.New("broken pipe")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestRenderReportsWriteErrors(t *testing.T) {
	r := quick(t, small.results())
	for _, f := range Formats() {
		if err := Render(broken{}, r, f, 80); !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", f, err)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	s := clinical
	s.bench = true
	res := s.results()
	for b.Loop() {
		if _, err := New(res, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRender(b *testing.B) {
	r := must(New(clinical.results(), Options{Resamples: 500}))(b)
	for _, f := range Formats() {
		b.Run(string(f), func(b *testing.B) {
			for b.Loop() {
				if err := Render(io.Discard, r, f, 120); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
