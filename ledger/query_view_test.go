package ledger

import (
	"database/sql"
	"iter"
	"slices"
	"testing"
)

// TestViews reads every view that there is, with every column, as what it is said
// to be.
func TestReadViews(t *testing.T) {
	ctx := t.Context()
	l, _ := open(t)
	sample{runs: 2, records: 2, metrics: 2, epochs: 2, steps: 3}.fill(ctx, t, l)
	all := must(collect(ctx, l, func(row *sql.Rows, v *string) error { return row.Scan(v) }, "SELECT name FROM sqlite_master WHERE type = 'view' AND name LIKE 'v\\_%' ESCAPE '\\' ORDER BY rowid"))(t)
	var named []string
	for _, v := range Views() {
		named = append(named, v.Name)
		want := must(collect(ctx, l, func(row *sql.Rows, name *string) error { return row.Scan(name) }, "SELECT name FROM pragma_table_info(?)", v.Name))(t)
		var got []string
		for _, c := range v.Columns {
			got = append(got, c.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s has columns %v, want %v", v.Name, got, want)
		}
	}
	slices.Sort(all)
	if !slices.Equal(all, slices.Sorted(slices.Values(named))) {
		t.Errorf("views are %v, want %v", named, all)
	}
	ok(t, l.ReadViews(ctx, func(v View, rows iter.Seq2[[]any, error]) error {
		n := 0
		for _, err := range rows {
			ok(t, err)
			n++
		}
		if want := count(t, l, v.Name); n != want || n == 0 {
			t.Errorf("%s has %d rows, want %d", v.Name, n, want)
		}
		return nil
	}))
}
