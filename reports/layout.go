package reports

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Lay arranges a report as tables and notes.
func Lay(r *Report) *Document {
	d := &Document{Title: r.title(), Tables: []Table{r.comparison()}, Notes: r.notes()}
	d.Tables = append(d.Tables, r.epochs()...)
	d.Tables = append(d.Tables, r.tags()...)
	return d
}

func (r *Report) title() string {
	if r.Footer.TestRecords == 0 {
		return r.Sweep + ": no test results"
	}
	title := fmt.Sprintf("%s: %s on %s", r.Sweep, r.Metric, count(r.Footer.TestRecords, "test record"))
	if r.LowerIsBetter {
		title += ", less is better"
	}
	return title
}

// column is a column with what fills it.
type column struct {
	Column
	cell func(w *Row) Cell
}

// lay fills a table with the report's rows of which keep is true.
func (r *Report) lay(t Table, columns []column, keep func(w *Row) bool) Table {
	for _, c := range columns {
		t.Columns = append(t.Columns, c.Column)
	}
	for i := range r.Rows {
		w := &r.Rows[i]
		if !keep(w) {
			continue
		}
		line := Line{Section: "fine-tunes", Marked: w.Best}
		if w.Baseline != "" {
			line.Section = "baselines"
		}
		for _, c := range columns {
			line.Cells = append(line.Cells, c.cell(w))
		}
		t.Rows = append(t.Rows, line)
	}
	return t
}

// subject returns the columns that say what a row is.
func (r *Report) subject() []column {
	columns := []column{{
		Column{Key: "subject", Fields: []string{"baseline", "best"}},
		func(w *Row) Cell { return subjectCell{r.subjectName(w), w.Baseline, w.Best} },
	}}
	for _, axis := range r.axes() {
		columns = append(columns, column{
			Column{Key: "axis." + axis, Header: axis, Fields: []string{"axis." + axis}},
			func(w *Row) Cell {
				for _, c := range w.Axes {
					if c.Axis == axis {
						return labelCell(c.Label)
					}
				}
				return labelCell("")
			},
		})
	}
	return columns
}

// axes returns the sweep's axes and any others that rows have.
func (r *Report) axes() []string {
	out := slices.Clone(r.Axes)
	for _, w := range r.Rows {
		for _, c := range w.Axes {
			if !slices.Contains(out, c.Axis) {
				out = append(out, c.Axis)
			}
		}
	}
	return out
}

// subjectName is a row's first cell. Baselines of one name are told apart by
// how the base is held, or else by its digest.
func (r *Report) subjectName(w *Row) string {
	if w.Best {
		return "fine-tune *"
	}
	if w.Baseline == "" {
		return "fine-tune"
	}
	name := baselineName(w.Baseline)
	alike, held := 0, 0
	for _, z := range r.Rows {
		if z.Baseline == w.Baseline {
			alike++
			if z.Quantization == w.Quantization {
				held++
			}
		}
	}
	switch {
	case alike == 1:
		return name
	case held == 1:
		return name + " " + w.Quantization
	}
	return fmt.Sprintf("%s %.6s", name, w.Base)
}

// baselineName is a baseline in words: "zero-shot", "2-shot", the name of an adapter.
func baselineName(s string) string {
	if shots, ok := strings.CutPrefix(s, "k_shot("); ok {
		return strings.TrimSuffix(shots, ")") + "-shot"
	}
	if name, ok := strings.CutPrefix(s, "adapter("); ok {
		return strings.TrimSuffix(name, ")")
	}
	return strings.ReplaceAll(s, "_", "-")
}

// heading is a metric as the head of a column.
func heading(metric string) string {
	switch kind := kindOf(metric); kind {
	case "field_f1":
		return "F1"
	case "json_valid":
		return "JSON"
	default:
		return strings.ReplaceAll(strings.TrimPrefix(kind, "field_"), "_", " ")
	}
}

// comparison is the main table. It has every column whatever was measured, so
// that the fields for machines are always the same. Those that a terminal may
// lack for want of room are the ones with a Keep.
func (r *Report) comparison() Table {
	text := func(f func(w *Row) []string) func(w *Row) Cell {
		return func(w *Row) Cell { return listCell(f(w)) }
	}
	amount := func(write func(float64) string, f func(w *Row) float64) func(w *Row) Cell {
		return func(w *Row) Cell { return amountCell{f(w), write} }
	}
	keep := 15 // rank of validation results, all there is without test records
	if r.Footer.TestRecords == 0 {
		keep = 0
	}
	versus := []string{"difference", "low", "high", "tied"}
	columns := append(r.subject(), []column{
		{Column{Key: "of", Hidden: true, Fields: []string{"metric"}}, func(*Row) Cell { return labelCell(r.Metric) }},
		{Column{Key: "seeds", Header: "seeds", Right: true, Part: 1, Fields: []string{"seeds_finished", "seeds_planned"}}, func(w *Row) Cell { return seedsCell{len(w.Results), w.Planned} }},
		{Column{Key: "epochs", Header: "epoch", Right: true, Part: 1, Fields: []string{"epochs"}}, text((*Row).epochs)},
		{Column{Key: "metric", Header: heading(r.Metric), Right: true, Part: 1, Full: 90, Fields: []string{"mean", "sd"}}, func(w *Row) Cell { return scoreCell{w.Mean, w.SD} }},
		{Column{Key: "versus_baseline", Header: "vs zero-shot", Right: true, Part: 2, Full: 75, Fields: prefixed("versus_baseline", versus)}, func(w *Row) Cell { return differenceCell{w.VersusBaseline, ""} }},
		{Column{Key: "p_baseline", Header: "p", Right: true, Part: 2, Fields: prefixed("versus_baseline", []string{"p", "p_adjusted"})}, func(w *Row) Cell { return pCell{w.VersusBaseline} }},
		{Column{Key: "versus_best", Header: "vs best", Right: true, Part: 3, Full: 50, Fields: prefixed("versus_best", versus)}, func(w *Row) Cell {
			if w.Best && r.compared() {
				return differenceCell{instead: "best"}
			}
			return differenceCell{Comparison: w.VersusBest}
		}},
		{Column{Key: "p_best", Header: "p", Right: true, Part: 3, Fields: prefixed("versus_best", []string{"p", "p_adjusted"})}, func(w *Row) Cell { return pCell{w.VersusBest} }},
		{Column{Key: "invented", Header: "invented", Right: true, Part: 4, Fields: []string{"invented", "extracted"}}, func(w *Row) Cell { return ratioCell{w.Invented} }},
		{Column{Key: "json_valid", Hidden: r.Metric == "json_valid", Header: "JSON", Right: true, Part: 4, Fields: []string{"json_valid"}}, func(w *Row) Cell { return valueCell{value: w.JSONValid} }},
		{Column{Key: "loss", Hidden: r.Metric == "loss", Header: "loss", Right: true, Part: 6, Keep: 25, Fields: []string{"loss"}}, func(w *Row) Cell { return valueCell{value: w.Loss} }},
		{Column{Key: "validation", Header: "val. " + heading(r.Select), Right: true, Part: 6, Keep: keep, Fields: []string{"validation"}}, func(w *Row) Cell { return valueCell{value: w.Validation} }},
		{Column{Key: "tokens", Header: "tokens", Right: true, Part: 5, Fields: []string{"tokens"}}, amount(Tokens, func(w *Row) float64 { return w.Tokens })},
		{Column{Key: "seconds", Header: "time", Right: true, Part: 5, Fields: []string{"seconds"}}, amount(Duration, func(w *Row) float64 { return w.Seconds })},
		{Column{Key: "bytes", Header: "size", Right: true, Part: 5, Fields: []string{"bytes"}}, amount(Bytes, func(w *Row) float64 { return float64(w.Bytes) })},
		{Column{Key: "adapters", Header: "adapters", Part: 7, Keep: 10, Fields: []string{"adapters"}}, text((*Row).adapters)},
	}...)
	return r.lay(Table{Name: "comparison"}, columns, func(*Row) bool { return true })
}

// compared reports whether any two rows are.
func (r *Report) compared() bool {
	return slices.ContainsFunc(r.Rows, func(w Row) bool { return w.VersusBaseline != nil || w.VersusBest != nil })
}

// epochs returns the epochs that the row's seeds chose.
func (w *Row) epochs() []string {
	var out []string
	for _, s := range w.Results {
		if s.Epoch > 0 {
			out = append(out, strconv.Itoa(s.Epoch))
		}
	}
	return out
}

// adapters returns the published adapters of the row's seeds.
func (w *Row) adapters() []string {
	var out []string
	for _, s := range w.Results {
		if s.Adapter != "" {
			out = append(out, s.Adapter)
		}
	}
	return out
}

func prefixed(prefix string, names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = prefix + "_" + n
	}
	return out
}
