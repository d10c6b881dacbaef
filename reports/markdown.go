package reports

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// renderMarkdown writes tables as GitHub Flavored Markdown, the best row in bold.
func renderMarkdown(w io.Writer, d *Document) error {
	var out bytes.Buffer
	fmt.Fprintf(&out, "### %s\n", escape(d.Title))
	for _, t := range d.Tables {
		if t.Title != "" {
			fmt.Fprintf(&out, "\n#### %s\n", escape(t.Title))
		}
		if len(t.Rows) == 0 {
			fmt.Fprint(&out, "\nno runs\n")
			continue
		}
		shown := t.fit(0)
		header := make([]string, len(shown.columns))
		rule := make([]string, len(shown.columns))
		for i, c := range shown.columns {
			header[i], rule[i] = escape(c.Header), "---"
			if c.Right {
				rule[i] = "---:"
			}
		}
		fmt.Fprintf(&out, "\n| %s |\n| %s |\n", strings.Join(header, " | "), strings.Join(rule, " | "))
		for i, row := range shown.rows {
			for j, cell := range row {
				row[j] = escape(cell)
				if t.Rows[i].Marked && cell != "" {
					row[j] = "**" + row[j] + "**"
				}
			}
			fmt.Fprintf(&out, "| %s |\n", strings.Join(row, " | "))
		}
	}
	fmt.Fprintln(&out)
	for _, n := range d.Notes {
		fmt.Fprintf(&out, "- **%s:** %s\n", escape(n.Label), escape(n.Text))
	}
	_, err := w.Write(out.Bytes())
	return err
}

// escape keeps text from being read as markup, and on its line.
func escape(s string) string {
	return markup.Replace(strings.Join(strings.Fields(s), " "))
}

var markup = strings.NewReplacer(
	`\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`", "<", "&lt;", "[", `\[`, "~", `\~`,
)
