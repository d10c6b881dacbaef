package ledger

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// raw opens the file the way other people's tools do.
func raw(tb testing.TB, path string) *sql.DB {
	tb.Helper()
	db := must(sql.Open("sqlite3", path))(tb)
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

func hintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

func TestOpenRefuses(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(t *testing.T, path string) Options
		is      error
		says    string
	}{
		{"newer", func(t *testing.T, path string) Options {
			t.Helper()
			l := must(Open(t.Context(), path, Options{}))(t)
			ok(t, l.Close())
			must(raw(t, path).Exec("PRAGMA user_version = 99"))(t)
			return Options{}
		}, nil, fmt.Sprintf("version 99; this build of Daybook reads up to version %d", latest)},
		{"text", func(t *testing.T, path string) Options {
			t.Helper()
			ok(t, os.WriteFile(path, []byte(strings.Repeat("these are my notes\n", 100)), 0o600))
			return Options{}
		}, ErrNotLedger, file},
		{"another program's", func(t *testing.T, path string) Options {
			t.Helper()
			must(raw(t, path).Exec("CREATE TABLE bookmarks (url TEXT)"))(t)
			return Options{}
		}, ErrNotLedger, "another program's"},
		{"network", func(t *testing.T, path string) Options {
			t.Helper()
			ok(t, os.WriteFile(path, nil, 0o600))
			return Options{filesystem: func(string) (string, error) { return "NFS", nil }}
		}, ErrNetwork, "NFS"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), file)
			o := tt.prepare(t, path)
			for name, open := range map[string]func(context.Context, string, Options) (*Ledger, error){"Open": Open, "OpenReadOnly": OpenReadOnly} {
				l, err := open(t.Context(), path, o)
				if err == nil {
					t.Fatalf("%s: it was opened: %v", name, l.Close())
				}
				if tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("%s: %v", name, err)
				}
				if hintOf(err) == "" {
					t.Errorf("%s: no hint with %v", name, err)
				}
			}
		})
	}
}

const file = "ledger.db"

func TestOpenBelowFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes.txt")
	ok(t, os.WriteFile(path, nil, 0o600))
	if _, err := Open(t.Context(), filepath.Join(path, file), Options{}); err == nil || hintOf(err) == "" {
		t.Errorf("got %v", err)
	}
}

func TestOpenNewerKeepsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), file)
	l := must(Open(t.Context(), path, Options{}))(t)
	ok(t, l.Close())
	must(raw(t, path).Exec("PRAGMA user_version = 99"))(t)
	before := must(os.ReadFile(path))(t)
	_, err := Open(t.Context(), path, Options{})
	var v *VersionError
	if !errors.As(err, &v) || v.Ledger != 99 || v.Build != latest {
		t.Fatalf("got %v", err)
	}
	if after := must(os.ReadFile(path))(t); !slices.Equal(before, after) {
		t.Error("the file was changed")
	}
}

// TestOldViews opens a ledger of version 1, which keeps its history and gets the
// views of this build.
func TestOldViews(t *testing.T) {
	views := func(db *sql.DB) (all string) {
		ok(t, db.QueryRow("SELECT group_concat(sql, ';' ORDER BY name) FROM sqlite_schema WHERE type = 'view'").Scan(&all))
		return all
	}
	for name, open := range map[string]func(context.Context, string, Options) (*Ledger, error){"Open": Open, "OpenReadOnly": OpenReadOnly} {
		path := filepath.Join(t.TempDir(), file)
		l := must(Open(t.Context(), path, Options{Keys: ring(path)}))(t)
		sweep := small.fill(t.Context(), t, l)
		ok(t, l.Close())
		db := raw(t, path)
		want := views(db)
		must(db.Exec("DROP VIEW v_runs; DROP VIEW v_metrics; DROP VIEW v_adapters; PRAGMA user_version = 1;" +
			"DROP TABLE hashes; DROP TABLE head; DROP TABLE signers; DROP TABLE anchors;" +
			"DROP TABLE set_positions; DROP TABLE set_members; DROP TABLE member_ids; DROP TABLE member_segments; DROP TABLE member_pools;" +
			"DROP TABLE memberships; DROP TABLE forgotten_sets; DROP TABLE forgotten_lists;" +
			"DROP TABLE reproductions; DROP TABLE bases; DROP TABLE signoffs; ALTER TABLE adapters DROP COLUMN files;" +
			"DROP TABLE origins; ALTER TABLE attempts DROP COLUMN unauthenticated; ALTER TABLE evaluations DROP COLUMN predictions"))(t)
		must(db.Exec(string(must(os.ReadFile("testdata/v1_views.sql"))(t))))(t)
		if views(db) == want {
			t.Fatal("the old views are the new ones")
		}
		l = must(open(t.Context(), path, Options{}))(t)
		if got := views(l.read); got != want {
			t.Errorf("%s: views are %s", name, got)
		}
		if r := must(l.Results(t.Context(), sweep))(t); len(r.Runs) != small.runs+1 {
			t.Errorf("%s: %d runs", name, len(r.Runs))
		}
		ok(t, l.Close())
	}
}

// TestViewsNeedMigration fails when the views were changed and ledgers would not
// get them: add a migration, be it an empty one, then mend the two values.
func TestViewsNeedMigration(t *testing.T) {
	sum := sha256.Sum256(must(migrations.ReadFile("migration/views.sql"))(t))
	if got, want := fmt.Sprintf("%d %x", latest, sum[:8]), "9 aee1901920798e15"; got != want {
		t.Errorf("version and views are %q, want %q", got, want)
	}
}

func TestOpenReadOnlyMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none", file)
	if _, err := OpenReadOnly(t.Context(), path, Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Dir(path)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("looking made a folder")
	}
}

func TestReadOnly(t *testing.T) {
	l, c := open(t)
	sweep := small.fill(t.Context(), t, l)
	ro := must(OpenReadOnly(t.Context(), l.path, Options{Now: c.Now}))(t)
	defer func() { ok(t, ro.Close()) }()
	if r := must(ro.Results(t.Context(), sweep))(t); len(r.Runs) != small.runs+1 {
		t.Errorf("%d runs", len(r.Runs))
	}
	if err := ro.Tag(t.Context(), Alias{Sweep: "clinical", Alias: "x", Version: 1}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("got %v", err)
	}
	if _, err := ro.read.Exec("DELETE FROM aliases"); err == nil {
		t.Error("a query connection could write")
	}
	// What the writer adds is seen by readers that are open already.
	ok(t, l.Tag(t.Context(), Alias{Sweep: "clinical", Alias: "latest", Version: 2}))
	if a := must(ro.Adapter(t.Context(), "clinical@latest"))(t); a.Version != 2 {
		t.Errorf("got %v", a)
	}
}

// TestReadOnlyFirst opens for queries while nobody else has the ledger open: what
// is written later must be seen all the same.
func TestReadOnlyFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), file)
	l := must(Open(t.Context(), path, Options{Keys: ring(path)}))(t)
	small.fill(t.Context(), t, l)
	ok(t, l.Close())
	ro := must(OpenReadOnly(t.Context(), path, Options{}))(t)
	defer func() { ok(t, ro.Close()) }()
	if s := must(ro.Sweep(t.Context(), "clinical"))(t); s.Name != "clinical" {
		t.Errorf("got %v", s)
	}
	l = openAt(t, path, newClock())
	ok(t, l.Tag(t.Context(), Alias{Sweep: "clinical", Alias: "latest", Version: 2}))
	if a := must(ro.Adapter(t.Context(), "clinical@latest"))(t); a.Version != 2 {
		t.Errorf("got %v", a)
	}
}

// TestDurable looks at the settings that make a commit survive a power cut.
func TestDurable(t *testing.T) {
	l, _ := open(t)
	for name, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000"} {
		var got string
		ok(t, l.write.QueryRow("PRAGMA "+name).Scan(&got))
		if got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func TestOpenTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), file)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			l, err := Open(t.Context(), path, Options{Keys: ring(path)})
			if err != nil {
				t.Error(err)
				return
			}
			if err := l.RecordDataset(t.Context(), Dataset{Digest: id("d"), Root: id("r")}); err != nil {
				t.Error(err)
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	l := openAt(t, path, newClock())
	if n := count(t, l, "entries"); n != 2 { // the log's beginning, and the dataset
		t.Errorf("%d entries", n)
	}
}

func TestPathWithOddLetters(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "50% of #1? ü&x=y")
	l := openAt(t, filepath.Join(dir, file), newClock())
	small.fill(t.Context(), t, l)
	if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
		t.Error(err)
	}
}

func TestDiskFull(t *testing.T) {
	l, _ := open(t)
	ctx := t.Context()
	sweep := small.fill(ctx, t, l)
	var pages int
	ok(t, l.write.QueryRow("PRAGMA page_count").Scan(&pages))
	must(l.write.Exec("PRAGMA max_page_count = 1"))(t) // SQLite takes the present size
	big := Set{Digest: id("big"), Dataset: id("dataset"), Role: "train"}
	for i := range 5000 {
		big.Members = append(big.Members, Member{Position: i, Record: id("%d", i), Content: id("%d", i), Example: id("%d", i), Near: id("%d", i)})
	}
	err := l.RecordSet(ctx, big)
	if !errors.Is(err, ErrDiskFull) || hintOf(err) == "" {
		t.Fatalf("got %v", err)
	}
	must(l.write.Exec("PRAGMA max_page_count = 1000000"))(t)
	if _, err := l.Set(ctx, big.Digest); !errors.Is(err, ErrNotFound) {
		t.Errorf("half a set is there: %v", err)
	}
	intact(t, l)
	ok(t, l.RecordSet(ctx, big))
	if r := must(l.Results(ctx, sweep))(t); len(r.Runs) != small.runs+1 {
		t.Errorf("%d runs", len(r.Runs))
	}
}

func TestDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), file)
	l := must(Open(t.Context(), path, Options{Keys: ring(path)}))(t)
	small.fill(t.Context(), t, l)
	ok(t, l.Close())
	data := must(os.ReadFile(path))(t)
	for i := 4096; i < len(data); i++ {
		data[i] ^= 0x5a
	}
	ok(t, os.WriteFile(path, data, 0o600))
	l, err := Open(t.Context(), path, Options{})
	if err == nil {
		_, err = l.Sweeps(t.Context(), SweepFilter{})
		_ = l.Close()
	}
	if !errors.Is(err, ErrDamaged) || hintOf(err) == "" {
		t.Errorf("got %v", err)
	}
}

func TestCancelled(t *testing.T) {
	l, _ := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.RecordDataset(ctx, Dataset{Digest: id("d"), Root: id("r")}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if n := count(t, l, "entries"); n != 0 {
		t.Errorf("%d entries", n)
	}
}

// count returns the number of rows of a table.
func count(tb testing.TB, l *Ledger, table string) (n int) {
	tb.Helper()
	ok(tb, l.read.QueryRow("SELECT count(*) FROM "+table).Scan(&n))
	return n
}

// intact checks that the file is sound and that the query tables follow from the
// history.
func intact(tb testing.TB, l *Ledger) {
	tb.Helper()
	read := 0
	v := must(l.Verify(tb.Context(), VerifyOptions{Keys: l.keys, Progress: func(done, total int64) {
		if done == total {
			read++
		}
	}}))(tb)
	for _, p := range v.Problems {
		tb.Error(p)
	}
	if read > 1 {
		tb.Error("entries were read again to tell what is wrong, and nothing is")
	}
	if int(v.Entries) != count(tb, l, "entries") {
		tb.Errorf("%d entries of %d were looked at", v.Entries, count(tb, l, "entries"))
	}
}

// dump returns every row of the query tables as text.
func dump(tb testing.TB, l *Ledger) (out []string) {
	tb.Helper()
	for _, table := range projected {
		var columns string
		ok(tb, l.read.QueryRow("SELECT group_concat('quote(' || name || ')', ' || '','' || ') FROM pragma_table_info(?)", table).Scan(&columns))
		for _, line := range must(collect(tb.Context(), l, scanOne[string], "SELECT "+columns+" AS line FROM "+table+" ORDER BY line"))(tb) {
			out = append(out, table+": "+line)
		}
	}
	return out
}
