package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/ledger/journal"
)

func TestSweeps(t *testing.T) {
	l, c := open(t)
	ctx := t.Context()
	first := must(l.RecordSweep(ctx, small.sweep()))(t)
	entries := count(t, l, "entries")
	c.now = c.now.Add(60e9)
	again := small.sweep()
	again.ID, again.Time = 99, c.now
	if id := must(l.RecordSweep(ctx, again))(t); id != first || count(t, l, "entries") != entries {
		t.Errorf("the same sweep got ID %d and left %d entries", id, count(t, l, "entries")-entries)
	}
	changed := small.sweep()
	changed.Git.Dirty = false
	second := must(l.RecordSweep(ctx, changed))(t)
	third := must(l.RecordSweep(ctx, small.sweep()))(t) // back to what it was is news too
	other := small.sweep()
	other.Name = "7"
	fourth := must(l.RecordSweep(ctx, other))(t)
	if first == second || second == third {
		t.Errorf("IDs %d, %d, %d", first, second, third)
	}

	got := must(l.Sweep(ctx, "clinical"))(t)
	want := small.sweep()
	want.ID, want.Time = third, c.now
	want.Args = []byte(strings.ReplaceAll(string(want.Args), " ", "")) // white space is not kept
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for ref, want := range map[string]int64{"clinical": third, "1": first, "2": second, "7": fourth} {
		if got := must(l.Sweep(ctx, ref))(t); got.ID != want {
			t.Errorf("sweep %s: got %d, want %d", ref, got.ID, want)
		}
	}
	for _, ref := range []string{"", "none", "99", "-1", "1x"} {
		if _, err := l.Sweep(ctx, ref); !errors.Is(err, ErrNotFound) {
			t.Errorf("sweep %q: %v", ref, err)
		}
	}
	var ids []int64
	for _, s := range must(l.Sweeps(ctx, SweepFilter{Newest: true}))(t) {
		ids = append(ids, s.ID)
	}
	if diff := cmp.Diff([]int64{fourth, third}, ids); diff != "" {
		t.Error(diff)
	}
	if n := len(must(l.Sweeps(ctx, SweepFilter{Name: "clinical", Limit: 2}))(t)); n != 2 {
		t.Errorf("%d sweeps", n)
	}
}

func TestSweepRefuses(t *testing.T) {
	for name, change := range map[string]func(*Sweep){
		"name":     func(s *Sweep) { s.Name = "" },
		"digest":   func(s *Sweep) { s.Digest = "abc" },
		"source":   func(s *Sweep) { s.Sources[0].Digest = strings.ToUpper(s.Sources[0].Digest) },
		"key":      func(s *Sweep) { s.Planned[1].Key = "" },
		"set":      func(s *Sweep) { s.Planned[1].TrainSet = "all" },
		"kind":     func(s *Sweep) { s.Planned[1].Kind = "guess" },
		"position": func(s *Sweep) { s.Planned[1].Position = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			l, _ := open(t)
			s := small.sweep()
			change(&s)
			if _, err := l.RecordSweep(t.Context(), s); !errors.Is(err, ErrInvalid) {
				t.Errorf("got %v", err)
			}
			if n := count(t, l, "entries"); n != 0 {
				t.Errorf("%d entries", n)
			}
		})
	}
}

func TestDatasetsAndSets(t *testing.T) {
	l, _ := open(t)
	ctx := t.Context()
	d := Dataset{Digest: id("dataset"), Path: "data/notes.jsonl", Bytes: 5, Records: 3, Root: id("root")}
	for range 2 {
		ok(t, l.RecordDataset(ctx, d))
		ok(t, l.RecordSet(ctx, small.set("train")))
	}
	other := small.set("train")
	other.Role = "test"
	ok(t, l.RecordSet(ctx, other))
	if n := count(t, l, "entries"); n != 6 { // the first begins the log
		t.Errorf("%d entries", n)
	}
	if n := count(t, l, "member_segments"); n != 1 {
		t.Errorf("%d segments: records that sets share are kept once", n)
	}
	if diff := cmp.Diff(d, must(l.Dataset(ctx, d.Digest[:6]))(t)); diff != "" {
		t.Error(diff)
	}
	want := Set{Digest: other.Digest, Dataset: d.Digest, Role: "test", Records: small.records, Tokens: 510, Truncated: 2}
	if diff := cmp.Diff(want, must(l.Set(ctx, other.Digest))(t)); diff != "" {
		t.Error(diff)
	}
	for i := range other.Members {
		other.Members[i].Tokens = 0
	}
	if diff := cmp.Diff(other.Members, must(l.Members(ctx, other.Digest))(t)); diff != "" {
		t.Error(diff)
	}
	if _, err := l.Set(ctx, id("none")); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	for _, change := range []func(*Set){
		func(s *Set) { s.Role = "practice" },
		func(s *Set) { s.Dataset = "" },
		func(s *Set) { s.Members[1].Record = "patient 17" },
		func(s *Set) { s.Members[1].Content = "" },
		func(s *Set) { s.Members[1].Near = "" },
		func(s *Set) { s.Members[1].Position = 0 },
		func(s *Set) { s.Members[1].Position = -1 },
	} {
		s := small.set("train")
		change(&s)
		if err := l.RecordSet(ctx, s); !errors.Is(err, ErrInvalid) {
			t.Errorf("got %v", err)
		}
	}
	if err := l.RecordDataset(ctx, Dataset{Digest: "x"}); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

func TestRuns(t *testing.T) {
	l, c := open(t)
	ctx := t.Context()
	ab := sample{runs: 5, records: 3, metrics: 1, epochs: 1, steps: 1}
	sweep := must(l.RecordSweep(ctx, ab.sweep()))(t)
	begin := func(i int, bodies ...journal.Body) {
		n := must(l.BeginAttempt(ctx, Attempt{Run: ab.key(i), Kind: Train}))(t)
		ok(t, l.Ingest(ctx, ab.key(i), n, newPen(t).write(bodies...).events))
	}
	begin(1, journal.Failed{Error: "oh"})
	begin(2, journal.Interrupted{})
	ok(t, l.Ingest(ctx, ab.key(3), must(l.BeginAttempt(ctx, Attempt{Run: ab.key(3), Kind: Train}))(t), ab.training(t, 3).events))
	begin(4)
	ok(t, l.Lease(ctx, ab.key(4), "me", 60e9))
	begin(99) // which no sweep planned

	states := func(f RunFilter) (out []State) {
		t.Helper()
		for _, r := range must(l.Runs(ctx, f))(t) {
			out = append(out, r.State)
		}
		sameLines(t, l, f)
		return out
	}
	for _, tt := range []struct {
		name   string
		filter RunFilter
		want   []State
	}{
		{"all", RunFilter{}, []State{New, New, Failed, Resumable, Done, Running}},
		{"sweep", RunFilter{Sweep: "clinical"}, []State{New, New, Failed, Resumable, Done, Running}},
		{"kind", RunFilter{SweepID: sweep, Kind: Evaluate}, []State{New}},
		{"state", RunFilter{SweepID: sweep, State: Running}, []State{Running}},
		{"states", RunFilter{State: New}, []State{New, New}},
		{"limit", RunFilter{Sweep: "clinical", Limit: 3}, []State{New, New, Failed}},
		{"key", RunFilter{Key: ab.key(3)}, []State{Done}},
		{"none", RunFilter{Key: id("none")}, nil},
	} {
		if diff := cmp.Diff(tt.want, states(tt.filter)); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
	if _, err := l.Runs(ctx, RunFilter{Sweep: "none"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	c.now = c.now.Add(61e9)
	if diff := cmp.Diff([]State{Resumable, Resumable}, states(RunFilter{State: Resumable})); diff != "" {
		t.Errorf("after the lease: %s", diff)
	}

	// The view says the same, by the clock of whoever asks.
	view := must(collect(ctx, l, scanOne[State], "SELECT state FROM v_runs ORDER BY position"))(t)
	if diff := cmp.Diff([]State{New, New, Failed, Resumable, Done, Resumable}, view); diff != "" {
		t.Errorf("view: %s", diff)
	}

	// A second sweep that shares a run shows it with its own axes.
	second := ab.sweep()
	second.Name, second.Planned = "other", second.Planned[3:5]
	second.Planned[0].Axes = []Choice{{"rate", "high"}}
	id2 := must(l.RecordSweep(ctx, second))(t)
	r := must(l.Run(ctx, second.Planned[0].Key))(t)
	if r.SweepID != id2 || r.Sweep != "other" || r.Axes[0].Axis != "rate" {
		t.Errorf("got %+v", r)
	}
	if r := must(l.Runs(ctx, RunFilter{SweepID: sweep, Key: second.Planned[0].Key}))(t)[0]; r.Axes[0].Axis != "rank" {
		t.Errorf("got %+v", r)
	}
}

func TestRunByPrefix(t *testing.T) {
	l, _ := open(t)
	ctx := t.Context()
	s := small.sweep()
	for i, head := range []string{"aaaa1", "aaaa2", "bbbb1"} {
		s.Planned[i+1].Key = head + id("x")[len(head):]
	}
	must(l.RecordSweep(ctx, s))(t)
	if r := must(l.Run(ctx, "aaaa2"))(t); r.Position != 2 {
		t.Errorf("got %+v", r)
	}
	_, err := l.Run(ctx, "aaaa")
	var ambiguous *AmbiguousError
	if !errors.Is(err, ErrAmbiguous) || !errors.As(err, &ambiguous) || len(ambiguous.Candidates) != 2 || ambiguous.Candidates[0] != s.Planned[1].Key[:12] {
		t.Errorf("got %v", err)
	}
	for _, ref := range []string{"", "a", "aaa"} {
		if _, err := l.Run(ctx, ref); !errors.Is(err, ErrTooShort) {
			t.Errorf("%q: %v", ref, err)
		}
	}
	for _, ref := range []string{"aaaa3", "AAAA1", "zzzz", "aaaa%", s.Planned[1].Key + "0"} {
		if _, err := l.Run(ctx, ref); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v", ref, err)
		}
	}
}

// TestViews holds the columns that people's own queries rely on. Add to a list;
// never take away, rename or reorder.
func TestViews(t *testing.T) {
	l, _ := open(t)
	small.fill(t.Context(), t, l)
	for view, want := range map[string]string{
		"v_runs": "sweep_id sweep position run kind name axes state attempts chosen_epoch adapter tokens seconds error base numerics " +
			"train_set validation_set test_set evaluation git_commit git_branch git_dirty planned_at started_at ended_at spec latest unauthenticated",
		"v_metrics": "run kind evaluation_id attempt subject baseline epoch chosen split set_digest evaluation records " +
			"metric metric_version by_field tag value num den evaluated_at",
		"v_adapters": "sweep version digest run epoch path bytes published_at aliases",
	} {
		columns := must(collect(t.Context(), l, scanOne[string], "SELECT name FROM pragma_table_info(?) ORDER BY cid", view))(t)
		if diff := cmp.Diff(strings.Fields(want), columns); diff != "" {
			t.Errorf("%s: %s", view, diff)
		}
		if count(t, l, view) == 0 {
			t.Errorf("%s is empty", view)
		}
	}
	axes := must(collect(t.Context(), l, scanOne[string], "SELECT axes FROM v_runs WHERE position = 2"))(t)
	if diff := cmp.Diff([]string{`{"rank":"8","seed":"0"}`}, axes); diff != "" {
		t.Error(diff)
	}
	for _, axes := range must(collect(t.Context(), l, scanOne[string], "SELECT axes FROM v_runs"))(t) {
		if !json.Valid([]byte(axes)) {
			t.Errorf("axes are %s", axes)
		}
	}
	// A later plan, from another commit and with another run, is none of an earlier result's.
	again := small.sweep()
	again.Git.Commit = "decade"
	again.Planned = append(again.Planned, PlannedRun{Key: id("another"), Kind: Train, Position: len(again.Planned), Spec: json.RawMessage(`{}`), Base: id("base")})
	must(l.RecordSweep(t.Context(), again))(t)
	commits := must(collect(t.Context(), l, scanOne[string], "SELECT git_commit FROM v_runs WHERE sweep_id = (SELECT max(sweep_id) FROM v_runs) ORDER BY position"))(t)
	if diff := cmp.Diff([]string{"fa11", "fa11", "fa11", "fa11", "decade"}, commits); diff != "" {
		t.Error(diff)
	}
	chosen := must(collect(t.Context(), l, scanOne[int], "SELECT epoch FROM v_metrics WHERE chosen AND run = ? AND split = 'validation' AND by_field = '' ORDER BY epoch", small.key(0)))(t)
	if diff := cmp.Diff([]int{2, 2}, chosen); diff != "" {
		t.Error(diff)
	}
}

// TestViewsElsewhere reads the views as people do who query the file themselves:
// by a client that is older than the SQLite of this build, and stricter.
func TestViewsElsewhere(t *testing.T) {
	client, err := exec.LookPath("sqlite3")
	if err != nil {
		t.Skip("needs the sqlite3 command")
	}
	path := filepath.Join(t.TempDir(), "ledger.db")
	l, err := Open(t.Context(), path, Options{Now: newClock().Now, Keys: ring(path)})
	ok(t, err)
	small.fill(t.Context(), t, l)
	ok(t, l.Close())
	out, err := exec.CommandContext(t.Context(), client, "-readonly", path, "SELECT count(*), sum(json_valid(axes)), sum(json_valid(spec)) FROM v_runs").CombinedOutput()
	if want := "4|4|4\n"; err != nil || string(out) != want {
		t.Errorf("got %s, %v, want %s", out, err, want)
	}
}

// TestExampleQuery runs the query of the package comment.
func TestExampleQuery(t *testing.T) {
	l, _ := open(t)
	small.fill(t.Context(), t, l)
	again := small.sweep()
	again.Digest = id("edited")
	must(l.RecordSweep(t.Context(), again))(t)
	if n := len(must(l.Sweeps(t.Context(), SweepFilter{}))(t)); n != 2 {
		t.Fatalf("%d plans", n)
	}
	_, query, found := strings.Cut(string(must(os.ReadFile("doc.go"))(t)), "//\tSELECT")
	query, _, ended := strings.Cut(query, "//\n")
	if !found || !ended {
		t.Fatal("the package comment has no example")
	}
	query = strings.NewReplacer("//", "", "'loss'", "'metric0'").Replace("SELECT " + query)
	got := must(collect(t.Context(), l, func(row *sql.Rows, _ *struct{}) error {
		var name, axes string
		var value float64
		return row.Scan(&name, &axes, &value)
	}, query))(t)
	if len(got) != small.runs+1 {
		t.Errorf("%d rows for %d runs and the baseline", len(got), small.runs)
	}
}

// sameLines holds what RunLines says of runs to what Runs and Adapters do.
func sameLines(t *testing.T, l *Ledger, f RunFilter) {
	t.Helper()
	var want []RunLine
	for _, r := range must(l.Runs(t.Context(), f))(t) {
		line := RunLine{
			Key: r.Key, SweepID: r.SweepID, Sweep: r.Sweep, Position: r.Position, Kind: r.Kind, Name: r.Name, Axes: r.Axes, State: r.State,
			Attempts: len(r.Attempts), ChosenEpoch: r.ChosenEpoch, Adapter: r.Adapter, Tokens: r.Tokens, Seconds: r.Seconds,
		}
		if made := r.Origin(); made != nil {
			line.Unauthenticated = made.Unauthenticated
		}
		for _, a := range must(l.Adapters(t.Context(), AdapterFilter{Run: r.Key, Digest: r.Adapter}))(t) {
			if r.Adapter != "" && a.Epoch == r.ChosenEpoch && (line.Published == nil || line.Published.Sweep != r.Sweep) {
				line.Published = &Adapter{Run: a.Run, Digest: a.Digest, Epoch: a.Epoch, Sweep: a.Sweep, Version: a.Version}
			}
		}
		want = append(want, line)
	}
	if diff := cmp.Diff(want, must(l.RunLines(t.Context(), f))(t)); diff != "" {
		t.Errorf("%+v: %s", f, diff)
	}
}

func scanOne[T any](row *sql.Rows, v *T) error { return row.Scan(v) }

// BenchmarkRuns10000 asks for what tables over 10,000 finished runs are made from,
// each with a spec as long as a real one and a published adapter.
func BenchmarkRuns10000(b *testing.B) {
	s := sample{runs: 10_000, records: 1, metrics: 1, epochs: 1, steps: 1}
	l, _ := open(b)
	ctx := b.Context()
	sweep := s.sweep()
	for i := range sweep.Planned {
		sweep.Planned[i].Spec = fmt.Appendf(nil, `{"seed":%d,"x":%q}`, i, strings.Repeat("train.lora.rank ", 80))
	}
	planned := must(l.RecordSweep(ctx, sweep))(b)
	must(l.write.Exec("PRAGMA synchronous = OFF"))(b)
	// All in one transaction: what is measured is reading them.
	ok(b, l.update(ctx, func(ctx context.Context, t *transaction) error {
		for i := range s.runs {
			key, adapter := s.key(i), id("adapter %d", i)
			if err := t.append(ctx, typeAttempt, Attempt{Run: key, Number: 1, Kind: Train, Sweep: planned, Dir: "x", Git: trainedFrom}); err != nil {
				return err
			}
			if err := t.ingest(ctx, key, 1, newPen(b).write(journal.Started{Kind: "train"}, journal.Finished{ChosenEpoch: 1, Adapter: adapter}).events); err != nil {
				return err
			}
			if err := t.append(ctx, typeAdapter, Adapter{Digest: adapter, Run: key, Epoch: 1, Sweep: sweep.Name, Version: i + 1, Path: fmt.Sprintf("adapters/clinical/v%04d", i+1)}); err != nil {
				return err
			}
		}
		return nil
	}))
	keys := make([]Digest, s.runs)
	for i := range keys {
		keys[i] = s.key(i)
	}
	b.Run("runs", func(b *testing.B) {
		for b.Loop() {
			if n := len(must(l.Runs(ctx, RunFilter{}))(b)); n != s.runs+1 {
				b.Fatal(n)
			}
		}
	})
	b.Run("table", func(b *testing.B) {
		used := processor(b)
		for b.Loop() {
			if n := len(must(l.RunLines(ctx, RunFilter{}))(b)); n != s.runs+1 {
				b.Fatal(n)
			}
		}
		b.ReportMetric(float64((processor(b)-used).Milliseconds())/float64(b.N), "cpu-ms/op")
	})
	b.Run("results", func(b *testing.B) {
		for b.Loop() {
			r := must(l.Results(ctx, planned))(b)
			if n := len(r.Runs); n != s.runs+1 || r.Runs[n-1].Published == nil {
				b.Fatal(n)
			}
		}
	})
	b.Run("states", func(b *testing.B) {
		for b.Loop() {
			if n := len(must(l.States(ctx, keys))(b)); n != s.runs {
				b.Fatal(n)
			}
		}
	})
}

// TestLineage follows a result back through checkpoints, past attempts that left
// nothing, and knows nothing of what came after.
func TestLineage(t *testing.T) {
	at := func(number int, from string, step int) AttemptInfo {
		return AttemptInfo{Attempt: Attempt{Number: number, Dir: fmt.Sprintf("runs/key/%04d", number)}, ResumedFrom: from, ResumedStep: step}
	}
	attempts := []AttemptInfo{
		at(1, "", 0), // died at once
		at(2, "", 0),
		at(3, "runs/key/0002/checkpoints/step-000010", 10),
		at(4, "runs/key/0002/checkpoints/step-000010", 10), // 3 left no checkpoint
		at(5, "runs/key/0004/checkpoints/step-000020", 20),
		at(6, "", 0), // a re-evaluation
	}
	for result, want := range map[int][]int{0: nil, 1: {1}, 3: {2, 3}, 5: {2, 4, 5}, 6: {6}} {
		r := Run{Attempts: attempts, Result: result}
		var got []int
		for _, a := range r.Lineage() {
			got = append(got, a.Number)
		}
		if !slices.Equal(got, want) {
			t.Errorf("the result of attempt %d is from %v, want %v", result, got, want)
		}
	}
}
