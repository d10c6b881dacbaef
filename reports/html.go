package reports

import (
	"bytes"
	_ "embed"
	"html/template"
	"io"
)

// sheet is a table as the page has it: its texts, in the sections that stand together.
type sheet struct {
	Title    string
	Columns  []Column
	Sections [][]sheetRow
}

type sheetRow struct {
	Marked bool // the best row
	Cells  []string
}

// renderHTML writes one page that loads nothing and prints well, the best row
// set apart.
func renderHTML(w io.Writer, d *Document) error {
	p := struct {
		Title  string
		Tables []sheet
		Notes  []Note
	}{Title: Plain(d.Title)}
	for _, t := range d.Tables {
		p.Tables = append(p.Tables, t.sheet())
	}
	for _, n := range d.Notes {
		p.Notes = append(p.Notes, Note{n.Label, Plain(n.Text)})
	}
	var out bytes.Buffer
	if err := page.Execute(&out, p); err != nil {
		return err
	}
	_, err := w.Write(out.Bytes())
	return err
}

func (t Table) sheet() sheet {
	shown := t.fit(0)
	out := sheet{Title: Plain(t.Title), Columns: shown.columns}
	for i, cells := range shown.rows {
		if i == 0 || t.Rows[i].Section != t.Rows[i-1].Section {
			out.Sections = append(out.Sections, nil)
		}
		last := &out.Sections[len(out.Sections)-1]
		*last = append(*last, sheetRow{t.Rows[i].Marked, cells})
	}
	return out
}

//go:embed page.html.tmpl
var pageText string

var page = template.Must(template.New("page").Parse(pageText))
