package reports

// Document is a report laid out: what renderers for people and spreadsheets
// write, cell by cell, without knowing what it is about.
type Document struct {
	Title  string
	Tables []Table // the comparison first
	Notes  []Note
}

// Table is columns and rows of cells.
type Table struct {
	Name    string // stable identifier: such as "comparison", "epochs(loss)" or "tags(quality)"
	Title   string // "" for the comparison, which the document's title heads
	Columns []Column
	Rows    []Line
}

// Column heads a column.
type Column struct {
	Key    string // stable identifier
	Header string
	Right  bool     // aligned to the right
	Fields []string // names of the cells' fields, for machines
	Hidden bool     // for machines only

	// Part numbers what is kept together where a table is too wide for the terminal
	// and broken into pieces, in the order of the pieces; columns of part 0 say what
	// a row is, and every piece repeats them.
	Part int

	// Keep says how long the column stays where room is short: the one with the
	// lowest Keep is left out first; 0 stays in any case. Full says the same of
	// the cells' full texts: below it, brief ones are shown; 0 means that they
	// are the same. Both are ranked on one scale.
	Keep, Full int

	most int // width that longer texts are cut to; 0 if unlimited
}

// Line is a row of a table.
type Line struct {
	Section string // rows of one section stand together, set apart from others
	Marked  bool   // the best row
	Cells   []Cell // one a column
}

// Note is a line below the tables.
type Note struct {
	Label string // such as "data" or "warning"
	Text  string
}

// Cell is a value with the ways to write it.
type Cell interface {
	Text() string     // for people; "" if there is nothing to say
	Brief() string    // shorter, for narrow terminals
	Fields() []string // for machines, unrounded, one a field of the column; "" is what was not measured
}
