package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
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

// printList prints a plain list: a header, columns set apart by two blanks, no lines.
// Columns whose header starts with ">" are right-aligned. A cell may have several
// lines. It lays out ten thousand rows in a hundredth of the time that the library
// of the report's tables takes.
func printList(w io.Writer, header []string, rows [][]string) error {
	names, right := make([]string, len(header)), make([]bool, len(header))
	for i, h := range header {
		names[i], right[i] = strings.CutPrefix(h, ">")
	}
	if strings.Join(header, "") != "" {
		rows = append([][]string{names}, rows...)
	}
	columns := make([]int, len(header)) // their widths
	for _, row := range rows {
		for i, cell := range row {
			for line := range strings.SplitSeq(strings.TrimSpace(cell), "\n") {
				columns[i] = max(columns[i], cells(line))
			}
		}
	}
	out := bufio.NewWriter(w)
	var rest []string // of a row: what is below the line that is written
	var line []byte
	for _, row := range rows {
		rest = rest[:0]
		for _, cell := range row {
			rest = append(rest, strings.TrimSpace(cell))
		}
		for more := true; more; {
			line, more = line[:0], false
			for i, cell := range rest {
				text, below, several := strings.Cut(cell, "\n")
				rest[i], more = below, more || several
				if blank := columns[i] - cells(text); right[i] {
					line = append(pad(line, blank), text...)
				} else {
					line = pad(append(line, text...), blank)
				}
				line = pad(line, 2)
			}
			line = append(bytes.TrimRight(line, " "), '\n')
			_, _ = out.Write(line) // Flush reports the error
		}
	}
	return out.Flush()
}

func pad(line []byte, blanks int) []byte {
	for range blanks {
		line = append(line, ' ')
	}
	return line
}

// cells is how many of a terminal's cells a text takes.
func cells(text string) int {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return twwidth.Width(text)
		}
	}
	return len(text)
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
