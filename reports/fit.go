package reports

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
)

// gap is the space between two columns.
const gap = 2

// texts is a table as it is shown to people.
type texts struct {
	columns []Column
	rows    [][]string
	width   int      // of all columns and the space between them
	omitted []string // headers of the columns that are left out for want of room
}

// fit returns the table's texts without the columns in which no row says
// anything, and such that they take at most width columns of a terminal if that
// can be had: the least needed columns are written briefly or left out, in the
// order of their ranks, and then long labels are cut. No width is unlimited if 0.
func (t Table) fit(width int) texts {
	brief := make([]bool, len(t.Columns))
	gone := make([]bool, len(t.Columns))
	var steps []step
	for i, c := range t.Columns {
		gone[i] = t.silent(i)
		if gone[i] {
			continue
		}
		if c.Keep > 0 {
			steps = append(steps, step{rank: c.Keep, column: i, drop: true})
		}
		if c.Full > 0 {
			steps = append(steps, step{rank: c.Full, column: i})
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.rank, b.rank) })
	widths := t.widths(brief)
	var omitted []int
	for _, s := range steps {
		if width == 0 || total(widths, gone) <= width {
			break
		}
		if s.drop {
			gone[s.column] = true
			omitted = append(omitted, s.column)
			continue
		}
		brief[s.column] = true
		widths = t.widths(brief)
	}
	slices.Sort(omitted)
	var out texts
	for _, i := range omitted {
		out.omitted = append(out.omitted, t.Columns[i].describe())
	}
	if width > 0 {
		t.shorten(widths, gone, width)
	}
	out.width = total(widths, gone)
	for i, c := range t.Columns {
		if !gone[i] {
			c.Header = cut(Plain(c.Header), widths[i])
			out.columns = append(out.columns, c)
		}
	}
	for _, row := range t.Rows {
		var cells []string
		for i := range t.Columns {
			if !gone[i] {
				cells = append(cells, cut(text(row.Cells[i], brief[i]), widths[i]))
			}
		}
		out.rows = append(out.rows, cells)
	}
	return out
}

// step is a way to save room.
type step struct {
	rank, column int
	drop         bool
}

// describe names a column in words: two have the header "p".
func (c Column) describe() string {
	if c.Header != "p" {
		return c.Header
	}
	_, of, _ := strings.Cut(c.Key, "_")
	return "p vs " + of
}

// silent reports whether a column says nothing to people.
func (t Table) silent(column int) bool {
	c := t.Columns[column]
	return c.Hidden || c.Header != "" && !slices.ContainsFunc(t.Rows, func(l Line) bool { return l.Cells[column].Text() != "" })
}

func (t Table) widths(brief []bool) []int {
	out := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		out[i] = twwidth.Width(Plain(c.Header))
		for _, row := range t.Rows {
			out[i] = max(out[i], twwidth.Width(text(row.Cells[i], brief[i])))
		}
		if c.most > 0 {
			out[i] = min(out[i], c.most)
		}
	}
	return out
}

func text(c Cell, brief bool) string {
	if brief {
		return Plain(c.Brief())
	}
	return Plain(c.Text())
}

// Plain keeps text that others wrote on its line and control characters from the terminal.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

func total(widths []int, gone []bool) int {
	sum := -gap
	for i, w := range widths {
		if !gone[i] {
			sum += w + gap
		}
	}
	return sum
}

// shortest is how many columns a cut label keeps: enough to tell most apart.
const shortest = 6

// shorten lowers the widths of labels, widest first, until the table fits.
func (t Table) shorten(widths []int, gone []bool, width int) {
	for total(widths, gone) > width {
		widest := -1
		for i, c := range t.Columns {
			if !gone[i] && !c.Right && widths[i] > shortest && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

// cut shortens text to a width.
func cut(s string, width int) string {
	if twwidth.Width(s) <= width {
		return s
	}
	return twwidth.Truncate(s, width-1) + "…"
}

const indent = "  " // of continued lines

// Wrap breaks text at spaces into lines of at most width columns; later lines
// are indented. Words that are longer stand alone. No width is unlimited if 0.
func Wrap(s string, width int) []string {
	var out []string
	line := ""
	for _, word := range strings.Fields(Plain(s)) {
		switch {
		case line == "":
			line = word
		case width > 0 && twwidth.Width(line)+1+twwidth.Width(word) > width:
			out = append(out, line)
			line = indent + word
		default:
			line += " " + word
		}
	}
	return append(out, line)
}
