package reports

import (
	"maps"
	"slices"
)

// pieces breaks a table that is wider than width columns of a terminal into
// several, each with some of the columns of all rows, so that nothing has to be
// left out that a reader needs. The parts of the table are dealt out in order, as
// many to a piece as fit. One of columns that may be left out opens no piece: it
// stands in the last one, if there is room. Labels are cut before that.
func (t Table) pieces(width int) []Table {
	widths := t.widths(make([]bool, len(t.Columns)))
	gone := make([]bool, len(t.Columns))
	parts := map[int][]int{} // columns
	for i, c := range t.Columns {
		if gone[i] = t.silent(i); !gone[i] {
			parts[c.Part] = append(parts[c.Part], i)
		}
	}
	if width == 0 || total(widths, gone) <= width {
		return []Table{t}
	}
	labels := parts[0]
	delete(parts, 0)
	room := func(columns []int) (sum int) {
		for _, i := range columns {
			sum += gap + widths[i]
		}
		return sum
	}
	needed := func(columns []int) bool {
		return slices.ContainsFunc(columns, func(i int) bool { return t.Columns[i].Keep == 0 })
	}
	widest := 0
	for _, columns := range parts {
		if needed(columns) {
			widest = max(widest, room(columns))
		}
	}
	for i := range gone {
		gone[i] = !slices.Contains(labels, i)
	}
	t.shorten(widths, gone, width-widest)

	pieces := [][]int{slices.Clone(labels)}
	for _, part := range slices.Sorted(maps.Keys(parts)) {
		last := len(pieces) - 1
		full := room(pieces[last])+room(parts[part])-gap > width
		if full && needed(parts[part]) && len(pieces[last]) > len(labels) {
			pieces = append(pieces, slices.Clone(labels))
			last++
		}
		pieces[last] = append(pieces[last], parts[part]...)
	}
	out := make([]Table, len(pieces))
	for i, columns := range pieces {
		slices.Sort(columns)
		out[i] = t.only(columns, widths)
		if i > 0 {
			out[i].Title = "the same rows, continued"
		}
	}
	return out
}

// only returns the table with some of its columns, and labels cut to widths.
func (t Table) only(columns, widths []int) Table {
	out := Table{Name: t.Name, Title: t.Title}
	for _, i := range columns {
		c := t.Columns[i]
		if c.Part == 0 {
			c.most = widths[i]
		}
		out.Columns = append(out.Columns, c)
	}
	for _, row := range t.Rows {
		line := Line{Section: row.Section, Marked: row.Marked}
		for _, i := range columns {
			line.Cells = append(line.Cells, row.Cells[i])
		}
		out.Rows = append(out.Rows, line)
	}
	return out
}
