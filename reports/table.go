package reports

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Table is a report laid out in cells, before any renderer has drawn a line.
type Table struct {
	Columns []Column
	Rows    [][]string
	Rule    int // a line is drawn above this row; 0 for none
}

// Column heads a column. Where the columns don't fit, those with the highest
// Drop go first; 0 stays.
type Column struct {
	Title string
	Right bool
	Drop  int
}

// comparison lays out the main table.
func (r *Report) comparison() Table {
	t := Table{Columns: []Column{{}}}
	for _, a := range r.Axes {
		t.Columns = append(t.Columns, Column{Title: a})
	}
	if len(r.Axes) == 0 {
		t.Columns = append(t.Columns, Column{Title: "run"})
	}
	t.Columns = append(t.Columns,
		Column{Title: "seeds", Right: true, Drop: 4},
		Column{Title: "epochs", Right: true, Drop: 5},
		Column{Title: shortMetric(r.Metric), Right: true},
		Column{Title: "vs zero-shot", Right: true, Drop: 1},
		Column{Title: "p", Right: true, Drop: 2},
		Column{Title: "vs best", Right: true, Drop: 3},
		Column{Title: "p", Right: true, Drop: 6},
		Column{Title: "invented", Right: true, Drop: 7},
		Column{Title: "JSON", Right: true, Drop: 8},
		Column{Title: "tokens", Right: true, Drop: 10},
		Column{Title: "time", Right: true, Drop: 9},
		Column{Title: "size", Right: true, Drop: 11},
	)
	for i, w := range r.Rows {
		if w.Baseline == "" && t.Rule == 0 {
			t.Rule = i
		}
		t.Rows = append(t.Rows, r.cells(&w))
	}
	return t
}

func (r *Report) cells(w *Row) []string {
	mark := ""
	if w.Best {
		mark = "*"
	}
	out := []string{mark}
	labels := map[string]string{}
	for _, c := range w.Axes {
		labels[c.Axis] = c.Label
	}
	for i, a := range r.Axes {
		label := labels[a]
		if w.Baseline != "" && i == 0 {
			label = baselineName(w.Baseline)
		}
		out = append(out, label)
	}
	if len(r.Axes) == 0 {
		name := "fine-tune"
		if w.Baseline != "" {
			name = baselineName(w.Baseline)
		}
		out = append(out, name)
	}
	seeds := fmt.Sprintf("%d/%d", len(w.Results), w.Planned)
	if w.Baseline != "" && len(w.Results) == w.Planned {
		seeds = ""
	}
	return append(out,
		seeds, integers(w.epochs()), meanSD(w.Mean, w.SD),
		w.VersusBaseline.text(), w.VersusBaseline.p(), w.VersusBest.text(), w.VersusBest.p(),
		w.Invented.text(), percent(w.JSONValid), tokens(int(w.Tokens)), duration(w.Seconds), size(w.Bytes))
}

// curves lays out validation epoch by epoch: where another epoch helps, and
// where it starts to hurt. Of each row the best epoch is marked.
func (r *Report) curves() (Table, bool) {
	epochs := 0
	for _, w := range r.Rows {
		for _, p := range w.Curve {
			epochs = max(epochs, p.Epoch)
		}
	}
	if epochs < 2 {
		return Table{}, false
	}
	t := Table{}
	for _, a := range r.Axes {
		t.Columns = append(t.Columns, Column{Title: a})
	}
	if len(r.Axes) == 0 {
		t.Columns = append(t.Columns, Column{Title: "run"})
	}
	for e := range epochs {
		t.Columns = append(t.Columns, Column{Title: fmt.Sprintf("epoch %d", e+1), Right: true})
	}
	for _, w := range r.Rows {
		if w.Baseline != "" {
			continue
		}
		row := make([]string, len(t.Columns))
		if len(r.Axes) == 0 {
			row[0] = "fine-tune"
		}
		for i, c := range w.Axes {
			row[i] = c.Label
		}
		best := -1
		for i, p := range w.Curve {
			if p.Select != nil && (best < 0 || better(r.Select, *p.Select, *w.Curve[best].Select)) {
				best = i
			}
		}
		for i, p := range w.Curve {
			text := number(p.Metric)
			if r.Select != r.Metric {
				text = measure(r.Select, p.Select) + "  " + text
			}
			if i == best {
				text += "*"
			} else {
				text += " "
			}
			row[len(t.Columns)-epochs+p.Epoch-1] = text
		}
		t.Rows = append(t.Rows, row)
	}
	return t, len(t.Rows) > 0
}

func (w *Row) epochs() []int {
	var out []int
	for _, s := range w.Results {
		if s.Epoch > 0 {
			out = append(out, s.Epoch)
		}
	}
	return out
}

// notes are the lines below the tables.
func (r *Report) notes() []string {
	f := r.Footer
	var out []string
	for _, b := range f.Bases {
		out = append(out, fmt.Sprintf("base %.12s, %s, computed on %s", b.Digest, b.Quantization, strings.Join(f.Numerics, ", ")))
	}
	if d := f.Data; d.Source != "" {
		line := fmt.Sprintf("data %s %.12s: %d to train on, %d validation, %d test, %d withheld", d.Source, d.Digest, d.Pool, d.Validation, d.Test, d.Withheld)
		if d.GroupBy != "" {
			line += "; all records of a " + d.GroupBy + " on one side"
		}
		out = append(out, line)
	}
	if r.Select != "" {
		out = append(out, fmt.Sprintf("epochs and the best row (*) were chosen by %s on validation; test decided nothing", r.Select))
	}
	if f.TestRecords > 0 {
		out = append(out, fmt.Sprintf("%s on %d test records, mean ± sd over seeds; differences with 95%% intervals from %s paired resamples of records and seeds; ~ holds zero; p by Holm over the rows",
			r.Metric, f.TestRecords, withCommas(f.Resamples)))
	}
	if f.Commit != "" {
		line := fmt.Sprintf("commit %.12s", f.Commit)
		if f.Dirty {
			line += " with changes"
		}
		out = append(out, line)
	}
	for _, x := range r.Unfinished {
		line := fmt.Sprintf("%s: %s (%.12s)", x.State, x.Name, x.Run)
		if x.Error != "" {
			line += ": " + x.Error
		}
		out = append(out, line)
	}
	for _, w := range r.Warnings {
		out = append(out, "warning: "+w.Message)
	}
	return out
}

func baselineName(s string) string {
	switch {
	case s == "zero_shot":
		return "zero-shot"
	case strings.HasPrefix(s, "k_shot("):
		return strings.TrimSuffix(strings.TrimPrefix(s, "k_shot("), ")") + "-shot"
	}
	return s
}

// shortMetric is a metric's name as a column head.
func shortMetric(m string) string {
	kind, _, _ := strings.Cut(m, "(")
	return strings.ReplaceAll(kind, "_", " ")
}

// number writes a share the way the field does: .812.
func number(v *float64) string {
	if v == nil {
		return "–"
	}
	return strings.Replace(fmt.Sprintf("%.3f", *v), "0.", ".", 1)
}

// value writes a metric: losses with the digit before the point.
func measure(metric string, v *float64) string {
	if v != nil && lowerIsBetter(metric) {
		return fmt.Sprintf("%.3f", *v)
	}
	return number(v)
}

func signed(v float64) string {
	sign := "+"
	if v < 0 {
		sign = "-"
	}
	a := math.Abs(v)
	return sign + number(&a)
}

func meanSD(m, s *float64) string {
	if m == nil || s == nil {
		return number(m)
	}
	return number(m) + " ± " + number(s)
}

func (c *Comparison) text() string {
	if c == nil {
		return ""
	}
	tie := ""
	if c.Tied() {
		tie = "~ "
	}
	return fmt.Sprintf("%s%s [%s, %s]", tie, signed(c.Difference), signed(c.Low), signed(c.High))
}

func (c *Comparison) p() string {
	switch {
	case c == nil:
		return ""
	case c.Adjusted < .001:
		return "<.001"
	}
	return number(&c.Adjusted)
}

func (q *Ratio) text() string {
	if q == nil {
		return ""
	}
	return fmt.Sprintf("%.0f/%.0f", q.Num, q.Den)
}

func percent(v *float64) string {
	if v == nil {
		return ""
	}
	return fmt.Sprintf("%.1f%%", 100**v)
}

func integers(x []int) string {
	parts := make([]string, len(x))
	for i, v := range x {
		parts[i] = fmt.Sprint(v)
	}
	return strings.Join(parts, ",")
}

func tokens(n int) string {
	switch {
	case n == 0:
		return ""
	case n >= 10_000_000:
		return fmt.Sprintf("%.1fM", float64(n)/1e6)
	case n >= 10_000:
		return fmt.Sprintf("%.1fk", float64(n)/1e3)
	}
	return fmt.Sprint(n)
}

func duration(s float64) string {
	if s == 0 {
		return ""
	}
	d := time.Duration(s * float64(time.Second))
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

func size(n int64) string {
	switch {
	case n == 0:
		return ""
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", (n+1023)>>10)
}

func withCommas(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
