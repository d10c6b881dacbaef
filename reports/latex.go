package reports

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// latexWidth is about how many columns of text an A4 or letter page takes in
// footnotesize, with the space between a table's columns.
const latexWidth = 100

// renderLaTeX writes a fragment for a paper, to be read in by \input: a table
// environment for each table, with rules of booktabs, broken into pieces where it
// is wider than a page, and the notes under the first one.
func renderLaTeX(w io.Writer, d *Document) error {
	var out bytes.Buffer
	fmt.Fprint(&out, "% The preamble needs \\usepackage{booktabs} and \\usepackage[T1]{fontenc}.\n")
	for i, t := range d.Tables {
		title := t.Title
		if i == 0 {
			title = d.Title
		}
		fmt.Fprintf(&out, "\\begin{table}[htbp]\n\\centering\\footnotesize\\setlength{\\tabcolsep}{4pt}\n\\caption{%s}\n", latex(title))
		for j, piece := range t.pieces(latexWidth) {
			if j > 0 {
				fmt.Fprint(&out, "\n\\medskip\n")
			}
			piece.latex(&out)
		}
		if i == 0 {
			latexNotes(&out, d.Notes)
		}
		fmt.Fprint(&out, "\\end{table}\n")
	}
	_, err := w.Write(out.Bytes())
	return err
}

func (t Table) latex(out *bytes.Buffer) {
	if len(t.Rows) == 0 {
		fmt.Fprint(out, "no runs\n")
		return
	}
	shown := t.fit(latexWidth)
	var align strings.Builder
	header := make([]string, len(shown.columns))
	for i, c := range shown.columns {
		header[i] = latex(c.Header)
		if c.Right {
			align.WriteByte('r')
		} else {
			align.WriteByte('l')
		}
	}
	fmt.Fprintf(out, "\\begin{tabular}{@{}%s@{}}\n\\toprule\n%s \\\\\n\\midrule\n", align.String(), strings.Join(header, " & "))
	for i, row := range shown.rows {
		if i > 0 && t.Rows[i].Section != t.Rows[i-1].Section {
			fmt.Fprint(out, "\\addlinespace\n")
		}
		for j, cell := range row {
			row[j] = latex(cell)
			if t.Rows[i].Marked && cell != "" {
				row[j] = `\textbf{` + row[j] + "}"
			}
		}
		fmt.Fprintf(out, "%s \\\\\n", guard(strings.Join(row, " & ")))
	}
	fmt.Fprint(out, "\\bottomrule\n\\end{tabular}\n")
}

// guard keeps a row that begins with a bracket from being the option of the line
// break, or of the rule, before it.
func guard(row string) string {
	if strings.HasPrefix(row, "[") || strings.HasPrefix(row, "*") {
		return "{}" + row
	}
	return row
}

func latexNotes(out *bytes.Buffer, notes []Note) {
	if len(notes) == 0 {
		return
	}
	fmt.Fprint(out, "\n\\medskip\n\\begin{minipage}{\\linewidth}\\scriptsize\\raggedright\n")
	for i, n := range notes {
		if i > 0 {
			fmt.Fprint(out, "\\\\\n")
		}
		fmt.Fprintf(out, "\\textit{%s}: %s", latex(n.Label), latex(n.Text))
	}
	fmt.Fprint(out, "\n\\end{minipage}\n")
}

// latex keeps text from being read as commands, and on its line.
func latex(s string) string {
	s = latexMarkup.Replace(strings.Join(strings.Fields(Plain(s)), " "))
	return negative.ReplaceAllString(s, "$1$$-$$$2")
}

// negative finds the sign of a number, for which a hyphen is too short.
var negative = regexp.MustCompile(`(^|[ \[(])-([.0-9])`)

var latexMarkup = strings.NewReplacer(
	`\`, `\textbackslash{}`, "{", `\{`, "}", `\}`, "$", `\$`, "&", `\&`, "#", `\#`, "%", `\%`, "_", `\_`,
	"~", `$\sim$`, "^", `\textasciicircum{}`, "<", `\textless{}`, ">", `\textgreater{}`, "|", `\textbar{}`, `"`, `\textquotedbl{}`,
	"`", `\textasciigrave{}`, "'", `\textquotesingle{}`, "--", "-{}-", "±", `$\pm$`, "…", `\dots{}`, "−", "$-$", "→", `$\to$`, "×", `$\times$`,
)
