package reports

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// renderTerminal writes plain text in which nothing is wider than width.
func renderTerminal(w io.Writer, d *Document, width int) error {
	var out bytes.Buffer
	for _, line := range Wrap(d.Title, width) {
		fmt.Fprintln(&out, line)
	}
	var omitted []string
	for i, whole := range d.Tables {
		for _, t := range whole.pieces(width) {
			fmt.Fprintln(&out)
			if t.Title != "" {
				for _, line := range Wrap(t.Title, width) {
					fmt.Fprintln(&out, line)
				}
			}
			shown := t.fit(width)
			if err := draw(&out, t, shown); err != nil {
				return err
			}
			if i == 0 {
				omitted = append(omitted, shown.omitted...)
			} else if len(shown.omitted) > 0 {
				text := "left out for want of room: " + strings.Join(shown.omitted, ", ") + "; --format json has all"
				for _, line := range Wrap(text, width) {
					fmt.Fprintln(&out, line)
				}
			}
		}
	}
	notes := d.Notes
	if len(omitted) > 0 {
		text := fmt.Sprintf("%s for want of room; --format csv has every column", strings.Join(omitted, ", "))
		notes = append([]Note{{"left out", text}}, notes...)
	}
	if len(notes) > 0 {
		fmt.Fprintln(&out)
	}
	for _, n := range notes {
		for _, line := range Wrap(n.Label+": "+n.Text, width) {
			fmt.Fprintln(&out, line)
		}
	}
	_, err := w.Write(out.Bytes())
	return err
}

const rule = "─"

// draw writes one table: a line below the header, space between sections.
func draw(w io.Writer, t Table, shown texts) error {
	if len(shown.rows) == 0 {
		_, err := fmt.Fprintln(w, "no runs")
		return err
	}
	align := make(tw.Alignment, len(shown.columns))
	header := make([]any, len(shown.columns))
	for i, c := range shown.columns {
		align[i], header[i] = tw.AlignLeft, c.Header
		if c.Right {
			align[i] = tw.AlignRight
		}
	}
	var out bytes.Buffer
	table := tablewriter.NewTable(&out,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders: tw.BorderNone,
			Settings: tw.Settings{
				Lines:      tw.Lines{ShowTop: tw.Off, ShowBottom: tw.Off, ShowHeaderLine: tw.On, ShowFooterLine: tw.Off},
				Separators: tw.SeparatorsNone,
			},
		})),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithAlignment(align),
		tablewriter.WithPadding(tw.Padding{Right: strings.Repeat(" ", gap), Overwrite: true}),
	)
	table.Header(header...)
	for i, row := range shown.rows {
		if i > 0 && t.Rows[i].Section != t.Rows[i-1].Section {
			if err := table.Append(make([]string, len(row))); err != nil {
				return err
			}
		}
		if err := table.Append(row); err != nil {
			return err
		}
	}
	if err := table.Render(); err != nil {
		return err
	}
	for line := range strings.Lines(out.String()) {
		line = strings.TrimRight(line, " \n")
		if strings.Trim(line, rule) == "" { // it runs on under the last column's padding
			line = strings.Repeat(rule, min(len(line)/len(rule), shown.width))
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}
