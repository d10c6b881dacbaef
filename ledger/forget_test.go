package ledger

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"daybook/ledger/evidence"
)

// forgetting forgets members.
func forgetting(members ...Member) Forgetting {
	f := Forgetting{RootKey: rootKey}
	for _, m := range members {
		f.Records = append(f.Records, sought(m))
	}
	return f
}

// traces returns the files beside a ledger that hold an ID, in either form.
func traces(tb testing.TB, l *Ledger, ids ...string) (out []string) {
	tb.Helper()
	paths := must(filepath.Glob(l.path + "*"))(tb)
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil { // a folder
			continue
		}
		for _, text := range ids {
			raw := must(hex.DecodeString(text))(tb)
			if bytes.Contains(data, raw) || bytes.Contains(data, []byte(text)) {
				out = append(out, filepath.Base(path)+" has "+text)
			}
		}
	}
	return out
}

func TestForget(t *testing.T) {
	path := filepath.Join(t.TempDir(), file)
	l := openAt(t, path, newClock())
	ctx := t.Context()
	sweep := small.fill(ctx, t, l)
	train, test := small.set("train"), small.set("test")
	other := small.set("train") // of fewer records of the same dataset
	other.Digest, other.Members = id("other"), other.Members[1:3]
	ok(t, l.RecordSet(ctx, other))
	before := must(l.Results(ctx, sweep))(t)

	gone := []Member{train.Members[1], test.Members[2], small.earlier().Members[0]}
	dry := forgetting(gone...)
	dry.DryRun = true
	planned := must(l.Forget(ctx, dry))(t)
	if planned.Entry != 0 || len(planned.Sets) != 4 || len(planned.Runs) != small.runs+1 || planned.Lists < 2 {
		t.Errorf("planned %+v", planned)
	}
	if len(traces(t, l, gone[0].Record, gone[0].Near)) == 0 {
		t.Error("nothing is there to be forgotten")
	}
	done := must(l.Forget(ctx, forgetting(gone...)))(t)
	if done.Entry == 0 || done.Left != "" || len(done.Sets) != 4 {
		t.Errorf("done %+v", done)
	}
	intact(t, l)
	for _, m := range gone {
		if left := traces(t, l, m.Record, m.Content, m.Example, m.Near); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
		if found := must(l.Search(ctx, []Sought{sought(m)}))(t); len(found[0]) > 0 {
			t.Errorf("found: %+v", found[0])
		}
	}
	// Others are where they were, and records judged can still be compared.
	if found := must(l.Search(ctx, []Sought{sought(train.Members[2])}))(t); len(found[0]) != 2 {
		t.Errorf("found: %+v", found[0])
	}
	if members := must(l.Members(ctx, test.Digest))(t); len(members) != small.records-1 || members[2].Record != test.Members[3].Record {
		t.Errorf("members: %+v", members)
	}
	after := must(l.Results(ctx, sweep))(t)
	for i := range after.Runs {
		was, is := before.Runs[i].Test.RecordIDs, after.Runs[i].Test.RecordIDs
		if len(is) != len(was) || is[2] == was[2] || is[2] != after.Runs[0].Test.RecordIDs[2] || is[1] != was[1] {
			t.Errorf("run %d: records %v, were %v", i, is, was)
		}
	}
	planRun := small.sweep().Planned[1]
	if lost := must(l.Unrepeatable(ctx, planRun))(t); len(lost) != 2 || lost[0].Entry != done.Entry || lost[0].Fact.Role != "train" || lost[1].Fact.Role != "test" {
		t.Errorf("lost %+v", lost)
	}
	v := must(l.Verify(ctx, VerifyOptions{Keys: l.keys}))(t)
	if !slices.ContainsFunc(v.Notes, func(note string) bool { return strings.Contains(note, "records were forgotten") }) {
		t.Errorf("notes %q", v.Notes)
	}

	// Another one, of a set that has a hole.
	must(l.Forget(ctx, forgetting(test.Members[4])))(t)
	if left := traces(t, l, test.Members[4].Record, test.Members[4].Content); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	intact(t, l)
	rebuilt := dump(t, l)
	ok(t, l.Rebuild(ctx))
	if !slices.Equal(rebuilt, dump(t, l)) {
		t.Error("rebuilding changes something")
	}
	if _, err := l.Forget(ctx, forgetting(gone...)); !errors.Is(err, ErrNotFound) {
		t.Errorf("forgotten twice: %v", err)
	}

	// Who trains on the record again commits to it again.
	ok(t, l.RecordSet(ctx, train))
	if found := must(l.Search(ctx, []Sought{sought(gone[0])}))(t); len(found[0]) != 1 || found[0][0].Digest != train.Digest {
		t.Errorf("found: %+v", found[0])
	}
	if lost := must(l.Unrepeatable(ctx, planRun))(t); len(lost) != 1 || lost[0].Fact.Role != "test" {
		t.Errorf("lost %+v", lost)
	}
	intact(t, l)
}

// TestForgetByContent forgets a record that another one says the same as: its ID in
// the lists of those judged is known from the set's order alone.
func TestForgetByContent(t *testing.T) {
	path := filepath.Join(t.TempDir(), file)
	l := openAt(t, path, newClock())
	ctx := t.Context()
	small.fill(ctx, t, l)
	for _, m := range []Member{small.set("test").Members[3], small.set("test").Members[1]} {
		f := Forgetting{RootKey: rootKey, Records: []Sought{sought(m, evidence.ContentIdentity)}}
		if done := must(l.Forget(ctx, f))(t); !slices.Equal(done.Records, []string{m.Record}) {
			t.Errorf("IDs %v, want %s", done.Records, m.Record)
		}
		if left := traces(t, l, m.Record, m.Content, m.Example, m.Near); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
	intact(t, l)
	if _, err := l.Forget(ctx, Forgetting{Records: []Sought{sought(small.set("test").Members[0], evidence.NearIdentity)}}); !errors.Is(err, ErrNotFound) {
		t.Errorf("what is only near is forgotten: %v", err)
	}
}

func TestForgetWhileRunning(t *testing.T) {
	l, _ := open(t)
	ctx := t.Context()
	small.fill(ctx, t, l)
	ok(t, l.Lease(ctx, small.key(0), "me", time.Minute))
	var held *HeldError
	if _, err := l.Forget(ctx, forgetting(small.set("train").Members[0])); !errors.As(err, &held) || held.Holder != "me" {
		t.Errorf("got %v", err)
	}
}
