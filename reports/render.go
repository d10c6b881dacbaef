package reports

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// Format is a way to write a report.
type Format string

// Formats.
const (
	Text     Format = "table"
	Markdown Format = "markdown"
	CSV      Format = "csv"
	JSON     Format = "json"
)

var formats = []Format{Text, Markdown, CSV, JSON}

// ParseFormat returns the format of a name.
func ParseFormat(name string) (Format, error) {
	if f := Format(name); slices.Contains(formats, f) {
		return f, nil
	}
	return "", fmt.Errorf("%q is none of table, markdown, csv, json", name)
}

// Render writes a report. Only Text looks at width, the columns of the terminal:
// where they don't all fit, it leaves out the least needed columns and says so.
func Render(w io.Writer, r *Report, f Format, width int) error {
	switch f {
	case JSON:
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	case CSV:
		return renderCSV(w, r)
	}
	main, left := r.comparison(), []string(nil)
	if f == Text {
		main, left = main.fit(width)
	}
	tables := []Table{main}
	if t, ok := r.curves(); ok {
		tables = append(tables, t)
	}
	for i, t := range tables {
		if i > 0 {
			if _, err := fmt.Fprintf(w, "\n%s\n\n", r.curveTitle()); err != nil {
				return err
			}
		}
		if err := t.draw(w, f); err != nil {
			return err
		}
	}
	notes := r.notes()
	if len(left) > 0 {
		notes = append(notes, "left out to fit the terminal: "+strings.Join(left, ", ")+"; --format csv has everything")
	}
	return writeNotes(w, notes, f, width)
}

func (r *Report) curveTitle() string {
	if r.Select == r.Metric {
		return fmt.Sprintf("Validation %s by epoch, mean over seeds; * marks the best epoch", r.Metric)
	}
	return fmt.Sprintf("Validation %s and %s by epoch, means over seeds; * marks the best epoch", r.Select, r.Metric)
}

func writeNotes(w io.Writer, notes []string, f Format, width int) error {
	if len(notes) == 0 {
		return nil
	}
	var b strings.Builder
	b.WriteByte('\n')
	for _, n := range notes {
		switch f {
		case Markdown:
			b.WriteString("- " + n + "\n")
		default:
			for _, line := range wrap(n, width) {
				b.WriteString(line + "\n")
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// wrap breaks text at spaces; lines after the first are indented.
func wrap(text string, width int) []string {
	var out []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			out = append(out, line)
			line = "  " + word
			continue
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(out, line)
}

// gap is the space between columns.
const gap = 2

// fit leaves out columns until the rest fits, and columns in which every row is
// empty. It returns the titles of what did not fit.
func (t Table) fit(width int) (Table, []string) {
	keep := make([]bool, len(t.Columns))
	widths := make([]int, len(t.Columns))
	total := 0
	for i, c := range t.Columns {
		widths[i] = utf8.RuneCountInString(c.Title)
		empty := c.Drop > 0
		for _, row := range t.Rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
			empty = empty && row[i] == ""
		}
		if keep[i] = !empty; keep[i] {
			total += widths[i] + gap
		}
	}
	var left []string
	for total-gap > width {
		worst := -1
		for i, c := range t.Columns {
			if keep[i] && c.Drop > 0 && (worst < 0 || c.Drop > t.Columns[worst].Drop) {
				worst = i
			}
		}
		if worst < 0 {
			break
		}
		keep[worst] = false
		total -= widths[worst] + gap
		left = append(left, t.Columns[worst].Title)
	}
	out := Table{Rule: t.Rule}
	for i, c := range t.Columns {
		if keep[i] {
			out.Columns = append(out.Columns, c)
		}
	}
	for _, row := range t.Rows {
		var cells []string
		for i, cell := range row {
			if keep[i] {
				cells = append(cells, cell)
			}
		}
		out.Rows = append(out.Rows, cells)
	}
	slices.Reverse(left)
	return out, slices.Compact(left)
}

// draw writes the table in Text or Markdown.
func (t Table) draw(w io.Writer, f Format) error {
	align := make(tw.Alignment, len(t.Columns))
	head := make([]any, len(t.Columns))
	for i, c := range t.Columns {
		align[i], head[i] = tw.AlignLeft, c.Title
		if c.Right {
			align[i] = tw.AlignRight
		}
	}
	options := []tablewriter.Option{
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithAlignment(align),
		tablewriter.WithTrimSpace(tw.Off),
	}
	if f == Markdown {
		options = append(options, tablewriter.WithRenderer(renderer.NewMarkdown()))
	} else {
		options = append(options,
			tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
				Borders: tw.BorderNone,
				Symbols: tw.NewSymbols(tw.StyleLight),
				Settings: tw.Settings{
					Lines:      tw.Lines{ShowTop: tw.Off, ShowBottom: tw.Off, ShowHeaderLine: tw.On, ShowFooterLine: tw.Off},
					Separators: tw.SeparatorsNone,
				},
			})),
			tablewriter.WithPadding(tw.Padding{Right: strings.Repeat(" ", gap), Overwrite: true}))
	}
	table := tablewriter.NewTable(w, options...)
	table.Header(head...)
	for _, row := range t.Rows {
		if err := table.Append(row); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	if err := table.Render(); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// renderCSV writes one line a row with full precision and no notes.
func renderCSV(w io.Writer, r *Report) error {
	c := csv.NewWriter(w)
	head := append([]string{"baseline"}, r.Axes...)
	head = append(head, "best", "planned", "finished", "epochs", "metric", "mean", "sd", "validation",
		"vs_zero_shot", "vs_zero_shot_low", "vs_zero_shot_high", "vs_zero_shot_p", "vs_zero_shot_p_holm",
		"vs_best", "vs_best_low", "vs_best_high", "vs_best_p", "vs_best_p_holm",
		"invented", "extracted", "json_valid", "loss", "tokens", "seconds", "bytes", "adapters")
	if err := c.Write(head); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	for _, row := range r.Rows {
		if err := c.Write(r.record(&row)); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	c.Flush()
	return c.Error()
}

func (r *Report) record(w *Row) []string {
	labels := map[string]string{}
	for _, a := range w.Axes {
		labels[a.Axis] = a.Label
	}
	out := []string{w.Baseline}
	for _, a := range r.Axes {
		out = append(out, labels[a])
	}
	out = append(out, strconv.FormatBool(w.Best), strconv.Itoa(w.Planned), strconv.Itoa(len(w.Results)), strings.ReplaceAll(integers(w.epochs()), ",", " "),
		r.Metric, plain(w.Mean), plain(w.SD), plain(w.Validation))
	for _, c := range []*Comparison{w.VersusBaseline, w.VersusBest} {
		if c == nil {
			out = append(out, "", "", "", "", "")
			continue
		}
		out = append(out, plain(&c.Difference), plain(&c.Low), plain(&c.High), plain(&c.P), plain(&c.Adjusted))
	}
	invented, extracted := "", ""
	if w.Invented != nil {
		invented, extracted = plain(&w.Invented.Num), plain(&w.Invented.Den)
	}
	return append(out, invented, extracted, plain(w.JSONValid), plain(w.Loss), plain(&w.Tokens), plain(&w.Seconds), strconv.FormatInt(w.Bytes, 10), strings.Join(w.adapters(), " "))
}

func plain(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'g', -1, 64)
}

func (w *Row) adapters() []string {
	var out []string
	for _, s := range w.Results {
		if s.Adapter != "" {
			out = append(out, s.Adapter)
		}
	}
	return out
}
