package ledger

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"daybook/ledger/journal"
)

var update = flag.Bool("update", false, "write the fixture ledger of this release, with the sqlite3 command")

// TestFixture reads the ledger that the first release with a log has written, as
// every later one must: it is as its head says, under the key that is known, and it
// says what was recorded.
func TestFixture(t *testing.T) {
	ctx := t.Context()
	s := sample{runs: 2, records: 2, metrics: 1, epochs: 1, steps: 3}
	if *update {
		writeFixture(t, s)
	}
	path := filepath.Join(t.TempDir(), file)
	must(raw(t, path).Exec(string(must(os.ReadFile("testdata/v3.sql"))(t))))(t)
	head := must(os.ReadFile("testdata/v3.head"))(t)
	key := strings.TrimSpace(string(must(os.ReadFile("testdata/v3.key"))(t)))
	l := openAt(t, path, newClock())
	v := must(l.Verify(ctx, VerifyOptions{Key: key, Heads: []KnownHead{{"v3.head", head}}}))(t)
	if len(v.Problems) > 0 || v.Anchored == 0 || v.Anchored >= v.Entries || len(v.Signers) != 3 {
		t.Fatalf("problems %v, anchored %d of %d, signers %v", v.Problems, v.Anchored, v.Entries, v.Signers)
	}
	results := must(l.Results(ctx, 1))(t)
	if len(results.Runs) != 3 || results.Runs[1].State != Done || *results.Runs[1].Test.Value("metric0", "", "") != *s.evaluated("test", 1, 0).Metrics[0].Value {
		t.Errorf("results: %+v", results.Runs)
	}
	if steps := must(l.Steps(ctx, s.key(1)))(t); len(steps) != 3 || steps[2].Loss != 2./3 {
		t.Errorf("steps: %+v", steps)
	}
	ok(t, l.Ingest(ctx, s.key(0), 1, s.training(t, 0).events)) // is known again
	if n := count(t, l, "entries"); n != int(v.Entries) {
		t.Errorf("%d entries, want %d", n, v.Entries)
	}
}

func writeFixture(t *testing.T, s sample) {
	t.Helper()
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), file)
	l := openAt(t, path, newClock())
	s.fill(ctx, t, l)
	head, _, err := l.Head(ctx)
	ok(t, err)
	key, cosigned := witness(t, head)
	ok(t, l.RecordAnchor(ctx, Anchor{Kind: AnchorFile, Place: "heads/clinical", Note: string(head)}))
	ok(t, l.RecordAnchor(ctx, Anchor{Kind: AnchorWitness, Place: key, Note: string(cosigned)}))
	must(l.NewOrigin(ctx, "key lost"))(t)
	last := must(l.Rotate(ctx))(t)
	n := must(l.BeginAttempt(ctx, Attempt{Run: id("other"), Kind: Train, Environment: map[string]string{"z": "1", "a": "2"}}))(t)
	ok(t, l.Ingest(ctx, id("other"), n, newPen(t).write(journal.Started{Kind: "train"}, journal.Failed{Error: "NaN"}).events))
	ok(t, l.RecordEvaluation(ctx, s.key(0), s.evaluated("validation", 1, 7)))
	must(l.write.Exec("PRAGMA wal_checkpoint(TRUNCATE)"))(t)
	dump := must(exec.CommandContext(ctx, "sqlite3", path, ".dump").Output())(t)
	text := fmt.Sprintf("PRAGMA user_version = %d; PRAGMA application_id = %d;\n%s", latest, applicationID, dump)
	ok(t, os.WriteFile("testdata/v3.sql", []byte(text), 0o600))
	ok(t, os.WriteFile("testdata/v3.head", head, 0o600))
	ok(t, os.WriteFile("testdata/v3.key", []byte(last.Key+"\n"), 0o600))
}
