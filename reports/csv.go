package reports

import (
	"encoding/csv"
	"io"
)

// renderCSV writes the comparison (RFC 4180): a header of field names, then a
// line for each row, with all columns and unrounded numbers. Fields are only
// ever added at the end of a line; those of the axes stand before its mean.
func renderCSV(w io.Writer, d *Document) error {
	t := d.Tables[0]
	out := csv.NewWriter(w)
	var header []string
	for _, c := range t.Columns {
		header = append(header, c.Fields...)
	}
	if err := out.Write(header); err != nil {
		return err
	}
	for _, row := range t.Rows {
		var fields []string
		for _, c := range row.Cells {
			fields = append(fields, c.Fields()...)
		}
		if err := out.Write(fields); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
