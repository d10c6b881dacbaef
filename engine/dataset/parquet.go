package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sort"
	"sync"

	"github.com/parquet-go/parquet-go"
)

const (
	parquetMagic = "PAR1"
	parquetBatch = 64 // rows read at a time
)

// parquetTable is a Parquet file.
type parquetTable struct {
	content
	file    *parquet.File
	columns []*column
	starts  []int64 // first row of each row group, and the number of rows

	mu   sync.Mutex
	rows parquet.Rows // of the group last read from
	next int64        // row that rows reads next
}

// newParquet opens a file. The library panics at some kinds of damage.
func newParquet(c content) (_ *parquetTable, err error) {
	defer recovered(c.path, &err)
	if err := checkFooter(c); err != nil {
		return nil, &Error{Path: c.path, Err: err, Advice: "the file may be cut off"}
	}
	f, err := parquet.OpenFile(c.r, c.size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, &Error{Path: c.path, Err: fmt.Errorf("%w: %w", ErrNotParquet, err), Advice: "the file may be cut off"}
	}
	if err := checkPages(c, f); err != nil {
		return nil, &Error{Path: c.path, Err: fmt.Errorf("%w: %w", ErrNotParquet, err), Advice: "the file may be damaged, or have the same few rows again and again"}
	}
	t := &parquetTable{content: c, file: f, starts: []int64{0}}
	for _, one := range f.Root().Columns() {
		col, err := newColumn(one, "")
		if err != nil {
			return nil, (&place{path: c.path}).error(err)
		}
		t.columns = append(t.columns, col)
	}
	for _, g := range f.RowGroups() {
		t.starts = append(t.starts, t.starts[len(t.starts)-1]+g.NumRows())
	}
	return t, nil
}

// checkFooter makes sure that the footer, which the library makes room for before
// it reads it, fits into the file: the magic bytes, the footer, its length, and
// the magic bytes again.
func checkFooter(c content) error {
	const tail = 8 // bytes
	var end [tail]byte
	if _, err := c.r.ReadAt(end[:], c.size-tail); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %w", ErrNotParquet, cause(err))
	}
	if n := int64(binary.LittleEndian.Uint32(end[:])); n > c.size-tail-int64(len(parquetMagic)) {
		return fmt.Errorf("%w: a footer of %d bytes in a file of %d", ErrNotParquet, n, c.size)
	}
	return nil
}

// recovered turns a panic into an error.
func recovered(path string, err *error) {
	if r := recover(); r != nil {
		*err = &Error{Path: path, Err: fmt.Errorf("%w: %v", ErrNotParquet, r), Advice: "the file may be damaged"}
	}
}

func (t *parquetTable) each(_ io.Reader, yield func(object, rowPlace) bool) (err error) {
	defer recovered(t.path, &err)
	at := rowPlace{line: 1}
	buf := make([]parquet.Row, parquetBatch)
	for _, g := range t.file.RowGroups() {
		if g.NumRows() == 0 { // checkPages passed it over
			continue
		}
		rows := g.Rows()
		more, err := t.group(rows, buf, &at, yield)
		_ = rows.Close() // only reading
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// group yields the rows of one row group, and reports whether more are wanted.
func (t *parquetTable) group(rows parquet.Rows, buf []parquet.Row, at *rowPlace, yield func(object, rowPlace) bool) (bool, error) {
	for {
		n, err := rows.ReadRows(buf)
		if at.at+int64(n) > rowsAByte*t.size {
			return false, t.explain(*at, faultf(-1, "it has the same few rows again and again: have each once", "%w: more rows than its %d bytes can tell apart", ErrNotParquet, t.size))
		}
		for _, row := range buf[:n] {
			v, err := t.object(row)
			if err != nil {
				return false, t.explain(*at, err)
			}
			if !yield(v, *at) {
				return false, nil
			}
			at.at++
			at.line++
		}
		switch {
		case errors.Is(err, io.EOF), n == 0 && err == nil:
			return true, nil
		case err != nil:
			return false, t.explain(*at, fmt.Errorf("%w: %w", ErrNotParquet, err))
		}
	}
}

func (t *parquetTable) explain(at rowPlace, err error) error {
	return (&place{path: t.path, line: int(at.line)}).error(noColumn(err))
}

func (t *parquetTable) row(at rowPlace) (_ object, err error) {
	defer recovered(t.path, &err)
	t.mu.Lock()
	defer t.mu.Unlock()
	group := sort.Search(len(t.starts), func(i int) bool { return t.starts[i] > at.at }) - 1
	if group < 0 || group+1 >= len(t.starts) {
		return nil, ErrChanged
	}
	if t.rows == nil || at.at != t.next || at.at == t.starts[group] {
		if t.rows != nil {
			_ = t.rows.Close() // only reading
		}
		t.rows = t.file.RowGroups()[group].Rows()
		if err := t.rows.SeekToRow(at.at - t.starts[group]); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotParquet, err)
		}
	}
	buf := make([]parquet.Row, 1)
	n, err := t.rows.ReadRows(buf)
	if n != 1 {
		return nil, fmt.Errorf("%w: row %d: %w", ErrNotParquet, at.line, err)
	}
	t.next = at.at + 1
	return t.object(buf[0])
}

func (t *parquetTable) close() error {
	if t.rows != nil {
		_ = t.rows.Close() // only reading
	}
	return t.content.close()
}

// object assembles a row.
func (t *parquetTable) object(row parquet.Row) (object, error) {
	values := make([][]parquet.Value, 0, len(t.columns))
	row.Range(func(_ int, v []parquet.Value) bool {
		values = append(values, v)
		return true
	})
	return members(t.columns, values)
}
