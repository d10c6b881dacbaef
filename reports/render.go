package reports

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Format is a way to write a report.
type Format string

// Formats.
const (
	FormatTable    Format = "table"    // for a terminal
	FormatMarkdown Format = "markdown" // for a pull request or a page
	FormatCSV      Format = "csv"      // for spreadsheets: the comparison, unrounded
	FormatJSON     Format = "json"     // for programs: the whole Report
	FormatHTML     Format = "html"     // one page that needs nothing else
	FormatLaTeX    Format = "latex"    // for a paper: a fragment with tables
)

// Formats lists the formats that there are.
func Formats() []Format {
	return []Format{FormatTable, FormatMarkdown, FormatCSV, FormatJSON, FormatHTML, FormatLaTeX}
}

// ParseFormat returns the format of a name. The error lists those that there are.
func ParseFormat(name string) (Format, error) {
	if f := Format(name); slices.Contains(Formats(), f) {
		return f, nil
	}
	var names []string
	for _, f := range Formats() {
		names = append(names, string(f))
	}
	return "", fmt.Errorf("format %q: want one of %s", name, strings.Join(names, ", "))
}

// Render writes a report. Width is that of the terminal in columns, 0 if
// unlimited; only FormatTable looks at it.
func Render(w io.Writer, r *Report, f Format, width int) error {
	var err error
	switch f {
	case FormatTable:
		err = renderTerminal(w, Lay(r), width)
	case FormatMarkdown:
		err = renderMarkdown(w, Lay(r))
	case FormatCSV:
		err = renderCSV(w, Lay(r))
	case FormatJSON:
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		err = enc.Encode(r)
	case FormatHTML:
		err = renderHTML(w, Lay(r))
	case FormatLaTeX:
		err = renderLaTeX(w, Lay(r))
	default:
		_, err = ParseFormat(string(f))
	}
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}
