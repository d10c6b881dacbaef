package ledger

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"daybook/ledger/evidence"
	"daybook/ledger/journal"
)

var update = flag.Bool("update", false, "write the fixture ledger of this schema version with the sqlite3 command")

// TestFixture reads the ledgers of testdata, each named by the version of its schema,
// which every later release must read: they are as their heads say, under the key
// that is known, and say what was recorded. Version 3 is the first with a log. The version of this build
// must be among them; with -update it is written, and no other:
//
//	go test ./ledger -run TestFixture -update
func TestFixture(t *testing.T) {
	s := sample{runs: 2, records: 2, metrics: 1, epochs: 1, steps: 3}
	if *update {
		writeFixture(t, s, fixtureName(latest))
	}
	versions := fixtureVersions(t)
	if !slices.Contains(versions, latest) {
		t.Errorf("the schema is at version %d, and no ledger of it is in testdata; 'go test ./ledger -run TestFixture -update' writes one", latest)
	}
	for _, version := range versions {
		t.Run(fixtureName(version), func(t *testing.T) { readFixture(t, s, version) })
	}
}

func fixtureName(version int) string { return fmt.Sprintf("v%d", version) }

// fixtureVersions are those of which testdata has a ledger with a head.
func fixtureVersions(t *testing.T) (versions []int) {
	t.Helper()
	heads := must(filepath.Glob("testdata/v*.head"))(t)
	for _, head := range heads {
		name := strings.TrimSuffix(filepath.Base(head), ".head")
		versions = append(versions, must(strconv.Atoi(strings.TrimPrefix(name, "v")))(t))
	}
	slices.Sort(versions)
	for _, version := range []int{3, 7, 8, 9} { // that releases wrote
		if !slices.Contains(versions, version) {
			t.Errorf("the ledger of version %d is missing", version)
		}
	}
	return versions
}

const (
	firstCommitted = 6 // the first schema version that commits to the members of sets
	firstMerged    = 8 // that knows logs of other machines, and journals that nobody signed
	firstScored    = 9 // whose evaluations have the digest of what was scored
)

func readFixture(t *testing.T, s sample, version int) {
	t.Helper()
	name := fixtureName(version)
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), file)
	db := raw(t, path)
	must(db.Exec(string(must(os.ReadFile("testdata/" + name + ".sql"))(t))))(t)
	var found int
	ok(t, db.QueryRow("PRAGMA user_version").Scan(&found))
	if found != version {
		t.Fatalf("the ledger is of version %d", found)
	}
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
	matches := must(l.Search(ctx, []Sought{sought(member, evidence.RecordIdentity)}))(t)[0]
	if len(matches) != 1 || (matches[0].Membership > 0) != (version >= firstCommitted) {
		t.Errorf("found %+v", matches)
	}
	if version < firstCommitted {
		return
	}
	if n := count(t, l, fmt.Sprintf("evaluations WHERE predictions = '%s'", id("predictions"))); n > 1 || (n == 1) != (version >= firstScored) {
		t.Errorf("%d evaluations have a digest of what was scored", n)
	}
	if version >= firstMerged {
		origins, alone := must(l.Origins(ctx))(t), count(t, l, "attempts WHERE unauthenticated = 1")
		if len(origins) != 1 || origins[0].Name != "laptop" || origins[0].Unauthenticated() || alone != 1 {
			t.Errorf("origins %+v, %d attempts whose journals nobody signed", origins, alone)
		}
	}
	proofs := must(l.ProveMembers(ctx, rootKey, nil, []int64{matches[0].Membership}))(t) // the trees are as committed to
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
	rescored := s.evaluated("validation", 1, 7)
	rescored.Predictions = id("predictions")
	ok(t, l.RecordEvaluation(ctx, s.key(0), rescored))
	ok(t, l.RecordOrigin(ctx, other(t, 1)))
	alone := must(l.BeginAttempt(ctx, Attempt{Run: id("other"), Kind: Train, Unauthenticated: true}))(t)
	ok(t, l.Ingest(ctx, id("other"), alone, newPen(t).write(journal.Started{Kind: "train"}, journal.Failed{Error: "no space"}).events))
	must(l.Forget(ctx, forgetting(s.set("test").Members[1])))(t)
	must(l.write.Exec("PRAGMA wal_checkpoint(TRUNCATE)"))(t)
	dump := must(exec.CommandContext(ctx, "sqlite3", path, ".dump").Output())(t)
	text := fmt.Sprintf("PRAGMA user_version = %d; PRAGMA application_id = %d;\n%s", latest, applicationID, dump)
	ok(t, os.WriteFile("testdata/"+name+".sql", []byte(text), 0o600))
	ok(t, os.WriteFile("testdata/"+name+".head", head, 0o600))
	ok(t, os.WriteFile("testdata/"+name+".key", []byte(last.Key+"\n"), 0o600))
}
