package ledger

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/ledger/journal"
)

func TestRebuild(t *testing.T) {
	l, c := open(t)
	ctx := t.Context()
	small.fill(ctx, t, l)
	c.now = c.now.Add(1)
	changed := small.sweep()
	changed.Git.Commit = "beef"
	must(l.RecordSweep(ctx, changed))(t)
	v := small.evaluated("test", small.epochs, 3)
	v.Metrics, v.Scores = v.Metrics[:1], v.Scores[:1]
	ok(t, l.RecordEvaluation(ctx, small.key(0), v))
	for _, end := range []journal.Body{journal.Failed{Error: "NaN", Hint: "lower it"}, journal.Interrupted{Step: 1}} {
		n := must(l.BeginAttempt(ctx, Attempt{Run: id("other"), Kind: Train}))(t)
		ok(t, l.Ingest(ctx, id("other"), n, newPen(t).write(journal.Started{Kind: "train"}, journal.Step{Step: 1}, end).events))
	}
	ok(t, l.Tag(ctx, Alias{Sweep: "clinical", Alias: "best", Version: 2}))
	ok(t, l.RecordReproduction(ctx, Reproduction{Run: small.key(0), Attempt: 1, Outcome: Identical, Adapter: id("adapter 0 2")}))
	ok(t, l.RecordBase(ctx, Base{Digest: id("base"), Model: "base", Tokenizer: id("tokenizer")}))
	ok(t, l.RecordSignOff(ctx, SignOff{Adapter: id("adapter 0 2"), Decision: "approved", Person: "R. Viewer", Reason: "as discussed"}))
	head, _, err := l.Head(ctx)
	ok(t, err)
	ok(t, l.RecordAnchor(ctx, Anchor{Kind: AnchorFile, Place: "head", Note: string(head)}))
	ok(t, l.RecordOrigin(ctx, other(t, 2)))
	must(l.ReserveVersion(ctx, Adapter{Sweep: "clinical", Run: id("later"), Epoch: 1, Digest: id("later")}))(t)

	must(l.Forget(ctx, forgetting(small.set("test").Members[0])))(t)
	ok(t, l.Lease(ctx, small.key(0), "me", 1e9))
	for _, table := range projected {
		if count(t, l, table) == 0 {
			t.Errorf("the test says nothing about table %s", table)
		}
	}
	intact(t, l)
	rebuilt := dump(t, l)
	ok(t, l.Rebuild(ctx))
	if diff := cmp.Diff(rebuilt, dump(t, l)); diff != "" {
		t.Error(diff)
	}
	if n := count(t, l, "leases") + count(t, l, "reservations"); n != 2 {
		t.Errorf("%d leases and reservations are left", n)
	}

	// Rebuilding repairs what was changed behind the ledger's back.
	before := dump(t, l)
	must(l.write.Exec("UPDATE metric_values SET value = 1; DELETE FROM epochs; UPDATE adapters SET path = 'elsewhere'"))(t)
	ok(t, l.Rebuild(ctx))
	after := dump(t, l)
	if strings.Join(before, "\n") != strings.Join(after, "\n") {
		t.Error("edited tables were not repaired")
	}
}

func TestEveryTableIsClassified(t *testing.T) {
	l, _ := open(t)
	known := map[string]bool{
		"entries": true, "hashes": true, "head": true, "record_lists": true, "member_lists": true, "members": true,
		"member_pools": true, "member_segments": true, "member_ids": true, "set_members": true, "set_positions": true, "leases": true, "reservations": true,
	}
	for _, table := range projected {
		known[table] = true
	}
	for _, name := range must(collect(t.Context(), l, scanOne[string], "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"))(t) {
		if !known[name] {
			t.Errorf("table %s is neither a projection nor one of the others", name)
		}
		delete(known, name)
	}
	for name := range known {
		t.Errorf("table %s is missing", name)
	}
}

func TestHistoryIsOnlyAppended(t *testing.T) {
	l, _ := open(t)
	small.fill(t.Context(), t, l)
	n := count(t, l, "entries")
	for _, query := range []string{
		"UPDATE entries SET body = '{}' WHERE seq = 1",
		"DELETE FROM entries WHERE seq = 1",
		"DELETE FROM entries",
		"INSERT OR REPLACE INTO entries VALUES (1, '', 'sweep', 1, '{}')",
		"INSERT INTO entries VALUES (100000, '', 'sweep', 1, '{}')",
	} {
		if _, err := l.write.Exec(query); err == nil {
			t.Errorf("%s: it went through", query)
		}
	}
	if got := count(t, l, "entries"); got != n {
		t.Errorf("%d entries of %d are left", got, n)
	}
}

// TestNoIdentifiersInHistory holds the promise that a record can be forgotten:
// its identifiers are in the index alone.
func TestNoIdentifiersInHistory(t *testing.T) {
	l, _ := open(t)
	ctx := t.Context()
	small.fill(ctx, t, l)
	ok(t, l.RecordEvaluation(ctx, small.key(0), small.evaluated("test", small.epochs, 3)))
	for _, role := range []string{"train", "validation", "test"} {
		for _, m := range small.set(role).Members {
			for _, identifier := range []string{m.Record, m.Content, m.Example, m.Near} {
				for _, table := range append([]string{"entries"}, projected...) {
					var n int
					ok(t, l.read.QueryRow("SELECT count(*) FROM "+table+" AS t WHERE instr(lower(hex(concat("+columnsOf(t, l, table)+"))), lower(hex(?)))", identifier).Scan(&n))
					if n > 0 {
						t.Fatalf("%s has identifiers of %s records", table, role)
					}
				}
			}
		}
	}
}

func columnsOf(tb testing.TB, l *Ledger, table string) (columns string) {
	tb.Helper()
	ok(tb, l.read.QueryRow("SELECT group_concat(name, ', ') FROM pragma_table_info(?)", table).Scan(&columns))
	return columns
}

func TestUnknownEntry(t *testing.T) {
	l, _ := open(t)
	must(l.write.Exec("INSERT INTO entries VALUES (1, '2026-03-01T12:00:00Z', 'sweep', 2, '{}')"))(t)
	if err := l.Rebuild(t.Context()); err == nil || !strings.Contains(err.Error(), "type sweep version 2") {
		t.Errorf("got %v", err)
	}
}
