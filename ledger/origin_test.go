package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/ledger/journal"
)

// other returns another machine's log, of some aliases' length.
func other(tb testing.TB, more int) Origin {
	tb.Helper()
	l, _ := open(tb)
	return grow(tb, l, more)
}

// grow adds entries to a log and returns it as its merger records it.
func grow(tb testing.TB, l *Ledger, more int) Origin {
	tb.Helper()
	for range more {
		n := count(tb, l, "entries")
		ok(tb, l.RecordDataset(tb.Context(), Dataset{Digest: id("dataset %d", n), Root: id("root")}))
	}
	o := must(l.AsOrigin(tb.Context()))(tb)
	o.Name = "laptop"
	return o
}

func TestRecordOrigin(t *testing.T) {
	ctx := t.Context()
	l, _ := open(t)
	foreign, _ := open(t)
	first := grow(t, foreign, 1)
	ok(t, l.RecordOrigin(ctx, first))
	ok(t, l.RecordOrigin(ctx, first))
	n := count(t, l, "entries")
	second := grow(t, foreign, 2)
	ok(t, l.RecordOrigin(ctx, second))
	if after := count(t, l, "entries"); n != 2 || after != 3 { // the first says who signs
		t.Errorf("%d, then %d entries", n, after)
	}
	got := must(l.Origins(ctx))(t)
	if len(got) != 1 || got[0].Note != second.Note || got[0].Entries != 4 || got[0].Unauthenticated() {
		t.Errorf("origins %+v", got)
	}
	if heads := must(l.OriginHeads(ctx, "laptop"))(t); len(heads) != 2 || heads[0].Note != first.Note {
		t.Errorf("heads %+v", heads)
	}
	intact(t, l)

	unsigned := Origin{Name: "desk", Entries: 7, Root: first.Root}
	ok(t, l.RecordOrigin(ctx, unsigned))
	fork := other(t, 9)
	fork.Origin = first.Origin
	for name, c := range map[string]struct {
		o    Origin
		want error
	}{
		"shorter":          {first, ErrConflict},
		"own log":          {must(l.AsOrigin(ctx))(t), ErrConflict},
		"another's head":   {fork, ErrInvalid},
		"no root":          {Origin{Name: "x", Entries: 1}, ErrInvalid},
		"no entries":       {Origin{Name: "x", Root: first.Root}, ErrInvalid},
		"key, no head":     {Origin{Name: "x", Entries: 1, Root: first.Root, Key: first.Key}, ErrInvalid},
		"a path":           {Origin{Name: "../x", Entries: 1, Root: first.Root}, ErrInvalid},
		"a name with @":    {Origin{Name: "a@b", Entries: 1, Root: first.Root}, ErrInvalid},
		"unsigned, forked": {Origin{Name: "desk", Entries: 7, Root: second.Root}, ErrConflict},
	} {
		if c.o.Name == "" {
			c.o.Name = "self"
		}
		if err := l.RecordOrigin(ctx, c.o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCopy copies a ledger that is in use: the copy says the same, and lacks what is
// secret.
func TestCopy(t *testing.T) {
	ctx := t.Context()
	l, _ := open(t)
	sweep := small.fill(ctx, t, l)
	ok(t, l.Lease(ctx, small.key(0), "somebody", 1e9))
	to := filepath.Join(t.TempDir(), "new", file)
	ok(t, Copy(ctx, l.path, to))
	data := must(os.ReadFile(to))(t)
	for _, kept := range []string{small.set("test").Members[0].Record, "somebody"} {
		if bytes.Contains(data, []byte(kept)) {
			t.Errorf("%s is in the copy", kept)
		}
	}
	if left := must(filepath.Glob(to + "-*"))(t); len(left) > 0 {
		t.Errorf("beside the copy are %v", left)
	}
	c := must(OpenReadOnly(ctx, to, Options{}))(t)
	defer func() { ok(t, c.Close()) }()
	v := must(c.Verify(ctx, VerifyOptions{Copied: true, Key: must(l.signer(ctx))(t).Key}))(t)
	if len(v.Problems) > 0 || !c.Copied() || l.Copied() || !slices.ContainsFunc(v.Notes, func(s string) bool { return strings.Contains(s, "stayed there") }) {
		t.Errorf("copied %v: %v, %v", c.Copied(), v.Problems, v.Notes)
	}
	if v := must(c.Verify(ctx, VerifyOptions{}))(t); len(v.Problems) != 1 || v.Problems[0].Where != "database" {
		t.Errorf("not known to be a copy: %v", v.Problems)
	}
	want, got := must(l.Results(ctx, sweep))(t), must(c.Results(ctx, sweep))(t)
	if len(got.Runs) != len(want.Runs) || got.Runs[1].Test.List != want.Runs[1].Test.List || len(got.Runs[1].Test.Scores[0].Num) != small.records {
		t.Errorf("results %+v", got.Runs[1].Test)
	}
	if same := must(c.AsOrigin(ctx))(t); same != must(l.AsOrigin(ctx))(t) {
		t.Errorf("the copy is %+v", same)
	}
	// Nothing is added to it, although its key is here.
	if _, err := Open(ctx, to, Options{Keys: l.keys}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("opened: %v", err)
	}
	// Copies of copies are copies.
	ok(t, Copy(ctx, to, to+".2"))
	for _, missing := range []string{filepath.Join(t.TempDir(), "none"), "origin_test.go"} {
		if err := Copy(ctx, missing, to+".3"); err == nil {
			t.Errorf("%s was copied", missing)
		}
	}
	if _, err := os.Stat(to + ".3"); err == nil {
		t.Error("something was left")
	}
}

// TestCopyOld copies a ledger from before there was a log, and leaves it as it was.
func TestCopyOld(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), file)
	must(raw(t, path).Exec(string(must(os.ReadFile("testdata/v1.sql"))(t))))(t)
	before := must(os.ReadFile(path))(t)
	ok(t, Copy(ctx, path, path+".copy"))
	if !bytes.Equal(before, must(os.ReadFile(path))(t)) {
		t.Error("the old ledger was changed")
	}
	c := must(OpenReadOnly(ctx, path+".copy", Options{}))(t)
	defer func() { ok(t, c.Close()) }()
	o := must(c.AsOrigin(ctx))(t)
	o.Name = "old"
	if !o.Unauthenticated() || o.Entries == 0 || o.Root != must(c.RootOver(ctx, o.Entries))(t) {
		t.Errorf("it is %+v", o)
	}
	for _, known := range []struct {
		root  KnownRoot
		sound bool
	}{{KnownRoot{"merged", o.Entries, o.Root}, true}, {KnownRoot{"merged", o.Entries - 1, o.Root}, false}, {KnownRoot{"merged", o.Entries + 1, o.Root}, false}} {
		v := must(c.Verify(ctx, VerifyOptions{Copied: true, Roots: []KnownRoot{known.root}}))(t)
		if (len(v.Problems) == 0) != known.sound {
			t.Errorf("%+v: %v", known.root, v.Problems)
		}
	}
	if v := must(c.Verify(ctx, VerifyOptions{Copied: true, Key: "somebody's"}))(t); len(v.Problems) == 0 {
		t.Error("a key vouches for a log that nobody has signed")
	}
	l, _ := open(t)
	ok(t, l.RecordOrigin(ctx, o))
}

// TestVerifyForgedOrigin finds a merged head that its key has not signed: whoever
// holds this ledger's key can write any entry.
func TestVerifyForgedOrigin(t *testing.T) {
	for i, forge := range []func(*Origin){
		func(o *Origin) { o.Entries++ },
		func(o *Origin) { o.Note = strings.Replace(o.Note, "\n3\n", "\n2\n", 1) },
		func(o *Origin) { o.Name = "x/y" },
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			l, _ := open(t)
			o := other(t, 2)
			forge(&o)
			ok(t, l.update(t.Context(), func(ctx context.Context, tx *transaction) error { return tx.append(ctx, typeMerged, o) }))
			v := must(l.Verify(t.Context(), VerifyOptions{Keys: l.keys}))(t)
			if !slices.ContainsFunc(v.Problems, func(p Problem) bool { return p.Where == "entry 2" }) {
				t.Errorf("problems %v", v.Problems)
			}
		})
	}
}

// TestUnauthenticated marks an attempt whose journal nobody signed, and knows it again.
func TestUnauthenticated(t *testing.T) {
	ctx := t.Context()
	l, _ := open(t)
	small.fill(ctx, t, l)
	events := newPen(t).write(journal.Started{Kind: "train"}, journal.Step{Step: 1}).events
	first := must(events[0].Digest())(t)
	key := small.key(0)
	find := func() [2]int {
		number, lines, err := l.AttemptWith(ctx, key, first)
		ok(t, err)
		return [2]int{number, lines}
	}
	if at := find(); at != [2]int{} {
		t.Errorf("before, it is %v", at)
	}
	n := must(l.BeginAttempt(ctx, Attempt{Run: key, Kind: Train, Unauthenticated: true}))(t)
	ok(t, l.Ingest(ctx, key, n, events))
	if at := find(); at != [2]int{n, 2} {
		t.Errorf("it is %v", at)
	}
	run := must(l.Run(ctx, key))(t)
	if a := run.Attempts; len(a) != 2 || a[0].Unauthenticated || !a[1].Unauthenticated || run.Origin().Unauthenticated {
		t.Errorf("attempts %+v", a)
	}
	if _, _, err := l.AttemptWith(ctx, key, "no digest"); err == nil {
		t.Error("it is no digest")
	}
	intact(t, l)
	before := dump(t, l)
	ok(t, l.Rebuild(ctx))
	if diff := cmp.Diff(before, dump(t, l)); diff != "" {
		t.Error(diff)
	}
}
