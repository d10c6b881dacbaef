package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
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

// count is a number of things in words.
func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// tally is a number of runs, and of baselines if there are any: they are no runs.
func tally(runs, baselines int) string {
	if baselines == 0 {
		return count(runs, "run")
	}
	return count(runs, "run") + ", " + count(baselines, "baseline")
}

// short is how keys and digests are shown.
func short(digest string) string { return fmt.Sprintf("%.12s", digest) }

// width returns how many columns a line to w may have, 0 if any number: what the
// environment's COLUMNS asks for, else those of the terminal. What is piped or
// kept in a file has no limit.
func width(w io.Writer) int {
	if columns, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && columns > 0 {
		return columns
	}
	if f, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil {
			return max(0, columns)
		}
	}
	return 0
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
