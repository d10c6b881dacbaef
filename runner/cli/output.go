package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
	"golang.org/x/term"

	"daybook/reports"
)

// printJSON prints v, indented, with a final newline.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// printList prints a plain list: a header, columns set apart by space, no lines.
// Columns whose header starts with ">" are right-aligned.
func printList(w io.Writer, header []string, rows [][]string) error {
	align := make(tw.Alignment, len(header))
	names := make([]any, len(header))
	for i, h := range header {
		align[i], names[i] = tw.AlignLeft, h
		if h != "" && h[0] == '>' {
			align[i], names[i] = tw.AlignRight, h[1:]
		}
	}
	var page bytes.Buffer
	t := tablewriter.NewTable(&page,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders:  tw.BorderNone,
			Settings: tw.Settings{Lines: tw.LinesNone, Separators: tw.SeparatorsNone},
		})),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithAlignment(align),
		tablewriter.WithPadding(tw.Padding{Left: "", Right: "  ", Overwrite: true}),
	)
	if strings.Join(header, "") != "" {
		t.Header(names...)
	}
	if err := t.Bulk(rows); err != nil {
		return err
	}
	if err := t.Render(); err != nil {
		return err
	}
	for line := range strings.Lines(page.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// short is how keys and digests are shown.
func short(digest string) string { return fmt.Sprintf("%.12s", digest) }

// width returns the columns of the terminal behind w, or what a pager can be
// expected to show where w is none.
func width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
			return columns
		}
	}
	return 120
}

// tokens writes a count of tokens or parameters.
func tokens(n int) string { return reports.Tokens(float64(n)) }

// seconds writes a duration, "" if there is none.
func seconds(s float64) string {
	if s == 0 {
		return ""
	}
	return reports.Duration(s)
}
