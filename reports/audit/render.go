package audit

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"daybook/reports"
)

// Format is a way to write an audit.
type Format string

// Formats.
const (
	FormatText     Format = "text"     // for a terminal
	FormatMarkdown Format = "markdown" // for a file beside the adapter
	FormatHTML     Format = "html"     // one page that needs nothing else, and prints well
	FormatJSON     Format = "json"     // for programs: the whole Audit
)

// ParseFormat returns the format of a name. The error lists those that there are.
func ParseFormat(name string) (Format, error) {
	all := []Format{FormatText, FormatMarkdown, FormatHTML, FormatJSON}
	if f := Format(name); slices.Contains(all, f) {
		return f, nil
	}
	return "", fmt.Errorf("format %q: want one of text, markdown, html, json", name)
}

// Render writes an audit.
func Render(w io.Writer, a *Audit, f Format) error {
	var err error
	switch f {
	case FormatText:
		err = a.text(w)
	case FormatMarkdown:
		err = a.markdown(w)
	case FormatHTML:
		err = page.Execute(w, a)
	case FormatJSON:
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		err = enc.Encode(a)
	default:
		_, err = ParseFormat(string(f))
	}
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

func (a *Audit) text(w io.Writer) error {
	width := 0
	for _, section := range a.Sections {
		for _, s := range section.Statements {
			width = max(width, utf8.RuneCountInString(s.Name))
		}
	}
	var out strings.Builder
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(&out, format, args...) } // a Builder doesn't fail
	line("%s  %s\n", a.Adapter, a.Digest)
	for _, p := range a.Problems {
		line("MISMATCH  %s\n", reports.Plain(p.String()))
	}
	line("\nentries    %s\n", reports.Plain(a.Log))
	for _, m := range a.Legend {
		line("%-9s  %s\n", m.Grade, m.Meaning)
	}
	for _, section := range a.Sections {
		line("\n%s\n", section.Title)
		for _, s := range section.Statements {
			line("  %-9s  %-*s  %s  [%s]\n", s.Grade, width, reports.Plain(s.Name), reports.Plain(s.Value), reports.Plain(s.Rests))
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func (a *Audit) markdown(w io.Writer) error {
	var out strings.Builder
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(&out, format, args...) } // a Builder doesn't fail
	line("# Audit of %s\n\n`%s`\n\n", escape(a.Adapter), a.Digest)
	for _, p := range a.Problems {
		line("- **MISMATCH** %s\n", escape(p.String()))
	}
	line("Entries: %s.\n\n", escape(a.Log))
	for _, m := range a.Legend {
		line("- **%s**: %s\n", m.Grade, m.Meaning)
	}
	for _, section := range a.Sections {
		line("\n## %s\n\n| | | grade | rests on |\n|---|---|---|---|\n", section.Title)
		for _, s := range section.Statements {
			line("| %s | %s | %s | %s |\n", escape(strings.TrimSpace(s.Name)), escape(s.Value), s.Grade, escape(s.Rests))
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// escape keeps text from being taken for Markdown or HTML.
func escape(text string) string {
	var out strings.Builder
	for _, r := range reports.Plain(text) {
		if strings.ContainsRune("\\`*_[]<>|#~", r) {
			out.WriteByte('\\')
		}
		out.WriteRune(r)
	}
	return out.String()
}

//go:embed page.html.tmpl
var pageText string

var page = template.Must(template.New("page").Parse(pageText))
