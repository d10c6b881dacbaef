package ledger

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/ledger/evidence"
)

// TestAdopt opens a ledger of version 1, which was no log. testdata/v1.sql is what
// the sqlite3 command dumps of one that the release before the log has filled with
// the sample below.
func TestAdopt(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), file)
	must(raw(t, path).Exec(string(must(os.ReadFile("testdata/v1.sql"))(t))))(t)
	old := must(collectRaw[string](t, path, "SELECT body FROM entries ORDER BY seq"))(t)
	s := sample{runs: 1, records: 2, metrics: 1, epochs: 1, steps: 2}

	l := openAt(t, path, newClock())
	v := must(l.Verify(ctx, VerifyOptions{Keys: l.keys}))(t)
	if len(v.Problems) > 0 || int(v.Entries) != len(old) || !strings.Contains(strings.Join(v.Notes, "\n"), "nobody has signed") {
		t.Fatalf("%d entries of %d, problems %v, notes %v", v.Entries, len(old), v.Problems, v.Notes)
	}
	for i, body := range must(collect(ctx, l, scanOne[string], "SELECT body FROM entries ORDER BY seq"))(t) {
		want := must(evidence.Canonicalize([]byte(old[i])))(t)
		if diff := cmp.Diff(string(want), body); diff != "" {
			t.Errorf("entry %d: %s", i+1, diff)
		}
	}
	// It says what it said, and knows again what it knew: journals and plans are
	// delivered once more without a trace.
	results := must(l.Results(ctx, 1))(t)
	if len(results.Runs) != 2 || results.Runs[1].State != Done || results.Runs[1].Test == nil {
		t.Errorf("results: %+v", results)
	}
	ok(t, l.Ingest(ctx, s.key(0), 1, s.training(t, 0).events))
	if id := must(l.RecordSweep(ctx, s.sweep()))(t); id != 1 {
		t.Errorf("the sweep is not known again: ID %d", id)
	}
	if n := count(t, l, "entries"); n != len(old) {
		t.Fatalf("%d entries, want %d", n, len(old))
	}
	// The first fact that is added begins the log.
	ok(t, l.Tag(ctx, Alias{Sweep: "clinical", Alias: "reviewed", Version: 1}))
	signer := must(l.signer(ctx))(t)
	if n := count(t, l, "entries"); n != len(old)+2 || int(signer.Entry) != len(old)+1 || signer.Reason != reasonAdopted {
		t.Errorf("%d entries, signer %+v", n, signer)
	}
	v = must(l.Verify(ctx, VerifyOptions{Keys: l.keys, Key: signer.Key}))(t)
	if len(v.Problems) > 0 || !strings.Contains(strings.Join(v.Notes, "\n"), "break at entry") {
		t.Errorf("problems %v, notes %v", v.Problems, v.Notes)
	}
}

func collectRaw[T any](tb testing.TB, path, query string) ([]T, error) {
	tb.Helper()
	rows, err := raw(tb, path).Query(query)
	ok(tb, err)
	return scanAll(rows, scanOne[T])
}
