package ledger

import (
	"math"
	"slices"
	"testing"
)

// TestAppendedColumns holds what is summed to the whole of each table.
func TestAppendedColumns(t *testing.T) {
	l, _ := open(t)
	for _, table := range allAppended {
		columns := must(collect(t.Context(), l, scanOne[string], "SELECT name FROM pragma_table_info(?)", table.table))(t)
		if !slices.Equal(slices.Sorted(slices.Values(columns)), slices.Sorted(slices.Values(table.columns))) {
			t.Errorf("%s has %q, %q are summed", table.table, columns, table.columns)
		}
		if !slices.Contains(projected, table.table) {
			t.Errorf("%s is no query table", table.table)
		}
	}
}

// TestRowSums tells rows apart in every way in which SQLite does, and no other.
func TestRowSums(t *testing.T) {
	type rows [][]any
	pi := math.Pi
	sum := func(key byte, table *appended, rows rows) *rowSums {
		s := rowSumsUnder([32]byte{key})
		for _, row := range rows {
			ok(t, s.add(table, row))
		}
		return s
	}
	is := rows{{1, 2, []byte("ab")}, {1, 3, []byte("c")}, {2, 1, nil}}
	for name, same := range map[string]rows{
		"another order":      {{2, 1, nil}, {1, 2, []byte("ab")}, {1, 3, []byte("c")}},
		"other types of Go":  {{int64(1), int32(2), []byte("ab")}, {true, uint8(3), []byte("c")}, {2, 1, (*float64)(nil)}},
		"as the driver says": {{int64(1), int64(2), []byte("ab")}, {int64(1), int64(3), []byte("c")}, {int64(2), int64(1), nil}},
	} {
		if !sum(1, lineRows, is).equal(sum(1, lineRows, same)) {
			t.Errorf("%s: another sum", name)
		}
	}
	for name, other := range map[string]rows{
		"a value":            {{1, 2, []byte("ab")}, {1, 4, []byte("c")}, {2, 1, nil}},
		"a type":             {{1, 2, "ab"}, {1, 3, []byte("c")}, {2, 1, nil}},
		"a number's type":    {{1., 2, []byte("ab")}, {1, 3, []byte("c")}, {2, 1, nil}},
		"a null":             {{1, 2, []byte("ab")}, {1, 3, []byte("c")}, {2, 1, []byte{}}},
		"values swapped":     {{1, 2, []byte("c")}, {1, 3, []byte("ab")}, {2, 1, nil}},
		"columns swapped":    {{2, 1, []byte("ab")}, {1, 3, []byte("c")}, {1, 2, nil}},
		"a row less":         {{1, 2, []byte("ab")}, {1, 3, []byte("c")}},
		"a row twice":        {{1, 2, []byte("ab")}, {1, 3, []byte("c")}, {2, 1, nil}, {2, 1, nil}},
		"one for another":    {{1, 2, []byte("ab")}, {1, 2, []byte("ab")}, {2, 1, nil}},
		"no row":             {},
		"a byte moved along": {{1, 2, []byte("a")}, {1, 3, []byte("bc")}, {2, 1, nil}},
	} {
		if sum(1, lineRows, is).equal(sum(1, lineRows, other)) {
			t.Errorf("%s: the same sum", name)
		}
	}
	if sum(1, lineRows, is).equal(sum(2, lineRows, is)) || sum(1, lineRows, is).equal(sum(1, datasetRows, is)) {
		t.Error("another key or table: the same sum")
	}
	zero := rows{{0., math.Copysign(0, -1), &pi}}
	if !sum(1, lineRows, zero).equal(sum(1, lineRows, rows{{0., 0., pi}})) {
		t.Error("SQLite has no -0, and the sums have")
	}
}
