package ledger

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"daybook/ledger/evidence"
	"daybook/ledger/journal"
)

var update = flag.Bool("update", false, "write the fixture ledger of this release, with the sqlite3 command")

// fixtures are ledgers of releases that every later one must read: v3 is of the first
// with a log, v6 of the first that commits to the members of sets.
var fixtures = []string{"v3", "v6"}

// TestFixture reads the ledgers of releases: they are as their heads say, under the
// key that is known, and say what was recorded. With -update it writes the newest.
func TestFixture(t *testing.T) {
	s := sample{runs: 2, records: 2, metrics: 1, epochs: 1, steps: 3}
	if *update {
		writeFixture(t, s, fixtures[len(fixtures)-1])
	}
	for _, name := range fixtures {
		t.Run(name, func(t *testing.T) { readFixture(t, s, name) })
	}
}

func readFixture(t *testing.T, s sample, name string) {
	t.Helper()
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), file)
	must(raw(t, path).Exec(string(must(os.ReadFile("testdata/" + name + ".sql"))(t))))(t)
	head := must(os.ReadFile("testdata/" + name + ".head"))(t)
	key := strings.TrimSpace(string(must(os.ReadFile("testdata/" + name + ".key"))(t)))
	l := openAt(t, path, newClock())
	v := must(l.Verify(ctx, VerifyOptions{Key: key, Heads: []KnownHead{{From: name + ".head", Note: head}}}))(t)
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
	// Of a ledger without commitments, nothing is known for certain of who is in no set.
	member := s.set("train").Members[0]
	found := must(l.Search(ctx, []Sought{sought(member, evidence.RecordIdentity)}))(t)[0]
	if len(found) != 1 || (found[0].Membership > 0) != (name != "v3") {
		t.Errorf("found %+v", found)
	}
	if name == "v3" {
		return
	}
	proofs := must(l.ProveMembers(ctx, rootKey, nil, []int64{found[0].Membership}))(t) // the trees are as committed to
	if lost := must(l.Unrepeatable(ctx, s.sweep().Planned[1]))(t); len(proofs.Sets) != 1 || len(lost) != 1 || lost[0].Fact.Role != "test" {
		t.Errorf("%d sets, lost %+v", len(proofs.Sets), lost)
	}
}

func writeFixture(t *testing.T, s sample, name string) {
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
	must(l.Forget(ctx, forgetting(s.set("test").Members[1])))(t)
	must(l.write.Exec("PRAGMA wal_checkpoint(TRUNCATE)"))(t)
	dump := must(exec.CommandContext(ctx, "sqlite3", path, ".dump").Output())(t)
	text := fmt.Sprintf("PRAGMA user_version = %d; PRAGMA application_id = %d;\n%s", latest, applicationID, dump)
	ok(t, os.WriteFile("testdata/"+name+".sql", []byte(text), 0o600))
	ok(t, os.WriteFile("testdata/"+name+".head", head, 0o600))
	ok(t, os.WriteFile("testdata/"+name+".key", []byte(last.Key+"\n"), 0o600))
}
