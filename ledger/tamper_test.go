package ledger

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"daybook/ledger/evidence"
	"daybook/ledger/journal"
)

// vault is a ledger with something of every kind in it, and what a reviewer
// knows of it.
type vault struct {
	path  string
	key   string // that a reviewer knows
	older []byte // the whole file as it was
	head  []byte // of that time
}

func newVault(tb testing.TB) *vault {
	tb.Helper()
	ctx := tb.Context()
	v := &vault{path: filepath.Join(tb.TempDir(), file)}
	s := sample{runs: 2, records: 3, metrics: 2, epochs: 2, steps: 3}
	l := openAt(tb, v.path, newClock())
	s.fill(ctx, tb, l)
	signer := must(l.signer(ctx))(tb)
	v.key = signer.Key
	head, _, err := l.Head(ctx)
	ok(tb, err)
	v.head = head
	ok(tb, l.RecordAnchor(ctx, Anchor{Kind: AnchorFile, Place: "head", Note: string(head)}))
	must(l.write.Exec("PRAGMA wal_checkpoint(TRUNCATE)"))(tb)
	v.older = must(os.ReadFile(v.path))(tb)
	must(l.Rotate(ctx))(tb)
	for _, end := range []journal.Body{journal.Failed{Error: "NaN", Hint: "lower it"}, journal.Interrupted{Step: 1}} {
		n := must(l.BeginAttempt(ctx, Attempt{Run: id("other"), Kind: Train}))(tb)
		ok(tb, l.Ingest(ctx, id("other"), n, newPen(tb).write(journal.Started{Kind: "train"}, journal.Step{Step: 1}, end).events))
	}
	ok(tb, l.Tag(ctx, Alias{Sweep: "clinical", Alias: "best", Version: 2}))
	rescored := s.evaluated("test", s.epochs, 3)
	rescored.Metrics, rescored.Scores = rescored.Metrics[:1], rescored.Scores[:1]
	ok(tb, l.RecordEvaluation(ctx, s.key(0), rescored))
	must(l.Forget(ctx, forgetting(s.set("test").Members[0])))(tb)
	merged := BaseMerged{Name: "clinical@v1", Adapter: id("adapter 0 2"), Base: id("original"), Into: "original"}
	ok(tb, l.RecordBase(ctx, Base{
		Digest: id("base"), Model: "base", ChatTemplate: "chat.jinja", Tokenizer: id("tokenizer"), Template: id("template"),
		Repository: "org/base", Revision: "c0ffee", License: "apache-2.0", Merged: merged,
	}))
	ok(tb, l.RecordBase(ctx, Base{Digest: id("original"), Model: "original", Tokenizer: id("tokenizer")}))
	for _, decision := range []string{"approved", "rejected"} {
		ok(tb, l.RecordSignOff(ctx, SignOff{Adapter: id("adapter 0 2"), Decision: decision, Person: "R. Viewer", Reason: "as discussed"}))
		ok(tb, l.RecordReproduction(ctx, Reproduction{Run: s.key(0), Attempt: 1, Outcome: Identical, Adapter: id("adapter 0 2"), Numerics: "cpu/f32/1"}))
		machine := other(tb, 1)
		machine.Name = decision
		ok(tb, l.RecordOrigin(ctx, machine))
	}
	ok(tb, l.RecordOrigin(ctx, other(tb, 2)))
	ok(tb, l.RecordOrigin(ctx, Origin{Name: "desk", Entries: 1, Root: tlog.RecordHash(nil).String()}))
	must(l.write.Exec("PRAGMA wal_checkpoint(TRUNCATE)"))(tb)
	intact(tb, l)
	return v
}

// copyTo puts a copy of the ledger, and of what is beside its key, at a path.
func (v *vault) copyTo(tb fataler, path string) {
	check := func(err error) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	check(os.RemoveAll(ring(path).Dir))
	check(os.CopyFS(ring(path).Dir, os.DirFS(ring(v.path).Dir)))
	data, err := os.ReadFile(v.path)
	check(err)
	check(os.WriteFile(path, data, 0o600))
}

type fataler interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// verified is what a reviewer finds who knows the key.
func (v *vault) verified(tb fataler, path string, heads ...KnownHead) *Verification {
	l, err := OpenReadOnly(context.Background(), path, Options{})
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	found, err := l.Verify(context.Background(), VerifyOptions{Keys: ring(path), Key: v.key, Heads: heads})
	if err != nil {
		tb.Fatal(err)
	}
	return found
}

// tampered are the tables that somebody may change who can write the file. Leases
// and reservations are no history.
var tampered = append([]string{"entries", "hashes", "head", "record_lists", "member_lists", "members", "member_pools", "member_segments", "member_ids", "set_members", "set_positions"}, projected...)

// untouched are those that say nothing of history, and are not tampered with.
var untouched = []string{"leases", "reservations"}

// target is a column of a table that somebody may change.
type target struct{ table, column string }

func (p target) String() string { return p.table + "." + p.column }

// targets returns every column of the tampered tables.
func targets(tb testing.TB, l *Ledger) (out []target) {
	tb.Helper()
	for _, table := range tampered {
		for name := range strings.SplitSeq(columnsOf(tb, l, table), ", ") {
			if (target{table, name}) != (target{"entries", "seq"}) && (target{table, name}) != (target{"head", "id"}) { // a row dropped and another added
				out = append(out, target{table, name})
			}
		}
	}
	return out
}

// burglar changes a database behind the ledger's back.
type burglar struct {
	*sql.DB
	t      *rapid.T
	column string // to be changed
}

func (b burglar) try(query string, args ...any) {
	if _, err := b.Exec(query, args...); err != nil {
		b.t.Skipf("the database itself refuses: %v", err)
	}
}

func (b burglar) number(query string) (n int) {
	if err := b.QueryRow(query).Scan(&n); err != nil {
		b.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// unlocked runs f without the seatbelt, which is in place again afterwards.
func (b burglar) unlocked(f func()) {
	rows, err := b.Query("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY rowid")
	if err != nil {
		b.t.Fatal(err)
	}
	type trigger struct{ name, sql string }
	triggers, err := scanAll(rows, func(row *sql.Rows, v *trigger) error { return row.Scan(&v.name, &v.sql) })
	if err != nil {
		b.t.Fatal(err)
	}
	for _, v := range triggers {
		b.try("DROP TRIGGER " + v.name)
	}
	f()
	for _, v := range triggers {
		b.try(v.sql)
	}
}

// row draws a row and returns the condition that selects it.
func (b burglar) row(table, label string) (where string, columns []string) {
	return b.rowOf(table, table, label)
}

// rowOf is row for one of the rows that from selects.
func (b burglar) rowOf(table, from, label string) (where string, columns []string) {
	n := b.number("SELECT count(*) FROM " + from)
	if n == 0 {
		b.t.Skip("no rows")
	}
	i := rapid.IntRange(0, n-1).Draw(b.t, label)
	rows, err := b.Query("SELECT name, pk FROM pragma_table_info(?)", table)
	if err != nil {
		b.t.Fatal(err)
	}
	type column struct {
		name string
		pk   int
	}
	all, err := scanAll(rows, func(row *sql.Rows, v *column) error { return row.Scan(&v.name, &v.pk) })
	if err != nil {
		b.t.Fatal(err)
	}
	var key, conditions []string
	for _, c := range all {
		columns = append(columns, c.name)
		if c.pk > 0 {
			key = append(key, c.name)
		}
	}
	for _, k := range key {
		var literal string
		if err := b.QueryRow(fmt.Sprintf("SELECT quote(%s) FROM %s ORDER BY %s LIMIT 1 OFFSET %d", k, from, strings.Join(key, ", "), i)).Scan(&literal); err != nil {
			b.t.Fatal(err)
		}
		conditions = append(conditions, k+" = "+literal)
	}
	return strings.Join(conditions, " AND "), columns
}

// ways of tampering that need no thought.
var ways = map[string]func(b burglar, table string){
	"change a value": func(b burglar, table string) {
		where, _ := b.row(table, "row")
		column := b.column
		var kind, before, after string
		ask := fmt.Sprintf("SELECT typeof(%[1]s), quote(%[1]s) FROM %[2]s WHERE %[3]s", column, table, where)
		if err := b.QueryRow(ask).Scan(&kind, &before); err != nil {
			b.t.Fatal(err)
		}
		change := map[string][]string{
			"integer": {"%[1]s + 1", "%[1]s - 1", "1 - %[1]s", "%[1]s * 1000", "0"},
			"real":    {"%[1]s * (1 + 1e-15)", "%[1]s + 1e-9", "-%[1]s", "0.5"},
			"text":    {"%[1]s || ' '", "substr(%[1]s, 2)", "''", "replace(%[1]s, '1', '2')", "replace(%[1]s, 'e', 'f')", "upper(%[1]s)"},
			"blob":    {"%[1]s || x'00'", "zeroblob(length(%[1]s))", "zeroblob(32)", "x''"},
			"null":    {"1", "0.5"},
		}[kind]
		expression := strings.ReplaceAll(rapid.SampledFrom(change).Draw(b.t, "change"), "%[1]s", column)
		b.try(fmt.Sprintf("UPDATE %s SET %s = %s WHERE %s", table, column, expression, where))
		ask = fmt.Sprintf("SELECT typeof(%[1]s), quote(%[1]s) FROM %[2]s WHERE %[3]s", column, table, where)
		if err := b.QueryRow(ask).Scan(&kind, &after); err == nil && before == after {
			b.t.Skip("it is what it was")
		}
	},
	"drop a row": func(b burglar, table string) {
		where, _ := b.row(table, "row")
		b.try("DELETE FROM " + table + " WHERE " + where)
	},
	"drop all rows": func(b burglar, table string) {
		if b.number("SELECT count(*) FROM "+table) == 0 {
			b.t.Skip("there are none")
		}
		b.try("DELETE FROM " + table)
	},
	"double a row": func(b burglar, table string) {
		where, columns := b.row(table, "row")
		var values []string
		for _, c := range columns {
			switch c {
			case "seq", "id", "ordinal", "position", "step", "epoch", "version", "number":
				c = fmt.Sprintf("(SELECT max(%s) + 1 FROM %s)", c, table)
			case "alias", "digest", "key":
				c = fmt.Sprintf("%[1]s || %[1]s", c)
			case "metric", "list":
				if table == "metric_values" || table == "scores" {
					c = fmt.Sprintf("%[1]s || '2'", c)
				}
			}
			values = append(values, c)
		}
		b.try(fmt.Sprintf("INSERT INTO %[1]s SELECT %[2]s FROM %[1]s WHERE %[3]s", table, strings.Join(values, ", "), where))
	},
	"exchange two rows": func(b burglar, table string) {
		one, _ := b.row(table, "one")
		column := b.column
		if strings.Contains(one, column+" = ") {
			b.t.Skip("that is the rows' order in the file")
		}
		other, _ := b.rowOf(table, fmt.Sprintf("%[1]s WHERE %[2]s IS NOT (SELECT %[2]s FROM %[1]s WHERE %[3]s)", table, column, one), "other")
		literal := func(where string) (s string) {
			if err := b.QueryRow(fmt.Sprintf("SELECT quote(%s) FROM %s WHERE %s", column, table, where)).Scan(&s); err != nil {
				b.t.Fatal(err)
			}
			return s
		}
		a, c := literal(one), literal(other)
		b.try(fmt.Sprintf("UPDATE %s SET %s = %s WHERE %s", table, column, c, one))
		b.try(fmt.Sprintf("UPDATE %s SET %s = %s WHERE %s", table, column, a, other))
	},
	"reorder entries": func(b burglar, _ string) {
		n := b.number("SELECT count(*) FROM entries")
		i := rapid.IntRange(1, n-1).Draw(b.t, "entry")
		b.try("UPDATE entries SET seq = -1 WHERE seq = ?", i)
		b.try("UPDATE entries SET seq = ? WHERE seq = ?", i, i+1)
		b.try("UPDATE entries SET seq = ? WHERE seq = -1", i+1)
	},
	"cut off the end": func(b burglar, _ string) {
		n := b.number("SELECT count(*) FROM entries")
		keep := rapid.IntRange(0, n-1).Draw(b.t, "kept")
		b.try("DELETE FROM entries WHERE seq > ?", keep)
		b.try("DELETE FROM hashes WHERE id >= ?", tlog.StoredHashCount(int64(keep)))
	},
	"make a view lie": func(b burglar, _ string) {
		view := rapid.SampledFrom([]string{"v_runs", "v_metrics", "v_adapters"}).Draw(b.t, "view")
		var text string
		if err := b.QueryRow("SELECT sql FROM sqlite_schema WHERE name = ?", view).Scan(&text); err != nil {
			b.t.Fatal(err)
		}
		b.try("DROP VIEW " + view)
		b.try(text + " LIMIT 1")
	},
}

// often says how many times as often as others a way is drawn that has many places
// to go to.
var often = map[string]int{"change a value": 6, "exchange two rows": 3, "double a row": 2, "drop a row": 2}

// forge makes hashes and query tables agree with entries that were changed, as
// somebody can who has no key but this program.
func (b burglar) forge(path string) {
	b.try("DELETE FROM hashes")
	l := &Ledger{path: path, now: newClock().Now}
	tx, err := b.Begin()
	if err != nil {
		b.t.Fatal(err)
	}
	t := newTransaction(tx, l)
	ctx := context.Background()
	if err := t.begin(ctx); err != nil {
		b.t.Fatal(err)
	}
	for seq := int64(1); seq <= t.last; seq++ {
		e := evidence.Entry{Seq: seq}
		if err := t.row(ctx, "SELECT time, type, version, body FROM entries WHERE seq = ?", seq).Scan(&e.Time, &e.Type, &e.Version, (*[]byte)(&e.Body)); err != nil {
			b.t.Skip("the history has holes")
		}
		if err := t.addLeaf(ctx, seq-1, e.Hash()); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := t.rebuild(ctx); err != nil {
		_ = tx.Rollback()
		b.t.Skipf("nothing can be made from that: %v", err)
	}
	if err := tx.Commit(); err != nil {
		b.t.Fatal(err)
	}
}

// manyCases makes a property be tried a few hundred times where nobody asked for
// a number; go test -run Tamper -rapid.checks=10000 is the whole test.
func manyCases(t *testing.T) {
	t.Helper()
	f := flag.Lookup("rapid.checks")
	if f.Value.String() == f.DefValue {
		ok(t, f.Value.Set("300"))
		t.Cleanup(func() { ok(t, f.Value.Set(f.DefValue)) })
	}
}

// TestTamper changes the file of a ledger at random. Whatever it is, a reviewer
// who knows the key finds it.
func TestTamper(t *testing.T) {
	manyCases(t)
	v := newVault(t)
	path := filepath.Join(t.TempDir(), file)
	v.copyTo(t, path)
	if found := v.verified(t, path); len(found.Problems) > 0 {
		t.Fatalf("the copy isn't sound: %v", found.Problems)
	}
	names := []string{}
	for name := range ways {
		names = append(names, slices.Repeat([]string{name}, max(1, often[name]))...)
	}
	slices.Sort(names)
	cases, counts, changed := 0, map[string]int{}, map[target]int{}
	l := openAt(t, filepath.Join(t.TempDir(), file), newClock())
	all := targets(t, l)
	tables := must(collect(t.Context(), l, scanText, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"))(t)
	for _, name := range tables {
		if !slices.Contains(tampered, name) && !slices.Contains(untouched, name) {
			t.Errorf("table %s is neither tampered with nor known to say nothing of history", name)
		}
	}
	full := openAt(t, v.path, newClock())
	for _, table := range tampered {
		if count(t, full, table) == 0 {
			t.Errorf("table %s is empty: nothing in it can be changed", table)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		cases++
		dir := filepath.Join(filepath.Dir(path), fmt.Sprint(cases))
		if err := os.Mkdir(dir, 0o700); err != nil {
			rt.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		path := filepath.Join(dir, file)
		v.copyTo(rt, path)
		db, err := sql.Open("sqlite3", "file:"+path+"?_foreign_keys=off&_ignore_check_constraints=on&_synchronous=OFF")
		if err != nil {
			rt.Fatal(err)
		}
		db.SetMaxOpenConns(1)
		defer func() { _ = db.Close() }()
		way := rapid.SampledFrom(names).Draw(rt, "way")
		// SampledFrom prefers the first ones so much that others are not met at all.
		at := all[rapid.Uint64().Draw(rt, "column")%uint64(len(all))]
		b, table := burglar{db, rt, at.column}, at.table
		clever := rapid.Bool().Draw(rt, "clever")
		b.unlocked(func() {
			ways[way](b, table)
			if clever && table == "entries" {
				b.forge(path)
			}
		})
		if err := db.Close(); err != nil {
			rt.Fatal(err)
		}
		if found := v.verified(rt, path); len(found.Problems) == 0 {
			rt.Fatalf("%s in %s: nobody noticed", way, table)
		}
		counts[way]++
		if way == "change a value" {
			changed[at]++
		}
	})
	missed := slices.DeleteFunc(all, func(p target) bool { return changed[p] > 0 })
	t.Logf("%v; values were changed in %d columns", counts, len(changed))
	if cases >= thorough && len(missed) > 0 {
		t.Errorf("nothing was changed in %v", missed)
	}
}

// thorough is a number of cases in which every column has its turn.
const thorough = 10_000

// TestRollback puts an older copy back.
func TestRollback(t *testing.T) {
	v := newVault(t)
	path := filepath.Join(t.TempDir(), file)
	v.copyTo(t, path)
	ok(t, os.WriteFile(path, v.older, 0o600))
	if found := v.verified(t, path); len(found.Problems) == 0 {
		t.Error("the head beside the key is over more entries, and nobody noticed")
	}
	// Somebody else's machine has no such head, but may know one.
	ok(t, os.RemoveAll(ring(path).Dir))
	if found := v.verified(t, path, KnownHead{From: "mail", Note: v.head}); len(found.Problems) > 0 {
		t.Errorf("the older copy is sound as such: %v", found.Problems)
	}
	newest := must(os.ReadFile(filepath.Join(headsOf(t, v), "head")))(t)
	if found := v.verified(t, path, KnownHead{From: "mail", Note: newest}); len(found.Problems) == 0 {
		t.Error("a head from elsewhere is over more entries, and nobody noticed")
	}
	// Nothing can be added to it where the newer head is known.
	v.copyTo(t, path)
	ok(t, os.WriteFile(path, v.older, 0o600))
	l := openAt(t, path, newClock())
	err := l.Tag(t.Context(), Alias{Sweep: "clinical", Alias: "x", Version: 1})
	if err == nil || hintOf(err) == "" {
		t.Fatalf("got %v", err)
	}
	must(l.NewOrigin(t.Context(), "restored from a backup"))(t)
	ok(t, l.Tag(t.Context(), Alias{Sweep: "clinical", Alias: "x", Version: 1}))
	found := must(l.Verify(t.Context(), VerifyOptions{Keys: ring(path)}))(t)
	if len(found.Problems) > 0 || !strings.Contains(strings.Join(found.Notes, "\n"), "are lost since") {
		t.Errorf("problems %v, notes %v", found.Problems, found.Notes)
	}
	if found := v.verified(t, path); len(found.Problems) == 0 {
		t.Error("a reviewer who knows the earlier key is not told of the break")
	}
}

// TestRollbackUnderAnotherOrigin puts an older copy back that goes on under an
// identity which somebody else gave it, on another machine: it cites the head that
// was in it.
func TestRollbackUnderAnotherOrigin(t *testing.T) {
	v := newVault(t)
	path := filepath.Join(t.TempDir(), file)
	v.copyTo(t, path)
	ok(t, os.WriteFile(path, v.older, 0o600))
	theirs := must(Open(t.Context(), path, Options{Now: newClock().Now, Keys: ring(filepath.Join(t.TempDir(), "theirs"))}))(t)
	must(theirs.NewOrigin(t.Context(), "moved"))(t)
	ok(t, theirs.Close())
	found := must(openAt(t, path, newClock()).Verify(t.Context(), VerifyOptions{Keys: ring(path)}))(t)
	if !slices.ContainsFunc(found.Problems, func(p Problem) bool { return strings.Contains(p.What, "keeps quiet about") }) {
		t.Errorf("the head beside the key is over more entries, and nobody noticed: %v", found.Problems)
	}
}

// headsOf is the folder beside a vault's key.
func headsOf(tb testing.TB, v *vault) string {
	tb.Helper()
	folders := must(filepath.Glob(filepath.Join(ring(v.path).Dir, "*")))(tb)
	if len(folders) != 1 {
		tb.Fatalf("folders %v", folders)
	}
	return folders[0]
}

// TestForgedOrigin replaces the whole log by another one that says the same,
// signed by another key.
func TestForgedOrigin(t *testing.T) {
	v := newVault(t)
	other := newVault(t)
	path := filepath.Join(t.TempDir(), file)
	other.copyTo(t, path)
	if found := v.verified(t, path); len(found.Problems) == 0 {
		t.Error("another key's log is taken for this one's")
	}
	if found := other.verified(t, path, KnownHead{From: "mail", Note: v.head}); len(found.Problems) == 0 {
		t.Error("another log's head fits")
	}
}
