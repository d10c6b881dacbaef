package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"daybook/ledger/journal"
)

// begun returns a ledger with one attempt.
func begun(tb testing.TB) *Ledger {
	tb.Helper()
	l, _ := open(tb)
	must(l.RecordSweep(tb.Context(), small.sweep()))(tb)
	must(l.BeginAttempt(tb.Context(), Attempt{Run: small.key(0), Kind: Train, Dir: "runs/0/0001"}))(tb)
	return l
}

func TestIngestAgain(t *testing.T) {
	l := begun(t)
	ctx := t.Context()
	events := small.training(t, 0).events
	ok(t, l.Ingest(ctx, small.key(0), 1, nil))
	ok(t, l.Ingest(ctx, small.key(0), 1, events))
	entries, before := count(t, l, "entries"), dump(t, l)
	ok(t, l.Ingest(ctx, small.key(0), 1, events))
	ok(t, l.Ingest(ctx, small.key(0), 1, events[2:5]))
	if n := count(t, l, "entries"); n != entries {
		t.Errorf("%d entries became %d", entries, n)
	}
	if diff := cmp.Diff(before, dump(t, l)); diff != "" {
		t.Error(diff)
	}
}

// TestIngestDelivery delivers a journal in random pieces that overlap, repeat and
// come too early. Whatever the order, queries must return the same.
func TestIngestDelivery(t *testing.T) {
	events := small.training(t, 0).events
	l, _ := open(t)
	ctx := t.Context()
	begin := func(key Digest) {
		must(l.BeginAttempt(ctx, Attempt{Run: key, Kind: Train, Dir: "runs/0001"}))(t)
	}
	begin(id("at once"))
	ok(t, l.Ingest(ctx, id("at once"), 1, events))
	want := saidOf(t, l, id("at once"))
	trial := 0
	rapid.Check(t, func(rt *rapid.T) {
		trial++
		key := id("trial %d", trial)
		begin(key)
		delivered := 0
		for delivered < len(events) {
			from := rapid.IntRange(0, min(delivered+2, len(events)-1)).Draw(rt, "from")
			to := rapid.IntRange(from+1, len(events)).Draw(rt, "to")
			err := l.Ingest(ctx, key, 1, events[from:to])
			switch {
			case from > delivered && !errors.Is(err, ErrGap):
				rt.Fatalf("events %d-%d after %d: %v", from+1, to, delivered, err)
			case from <= delivered && err != nil:
				rt.Fatal(err)
			case from <= delivered:
				delivered = max(delivered, to)
			}
		}
		if diff := cmp.Diff(want, saidOf(t, l, key)); diff != "" {
			rt.Fatal(diff)
		}
	})
	intact(t, l)
}

// saidOf is what a ledger says of a run, apart from its name.
func saidOf(tb testing.TB, l *Ledger, key Digest) []any {
	tb.Helper()
	ctx := tb.Context()
	evaluations := must(l.Evaluations(ctx, EvaluationFilter{Run: key}))(tb)
	out := []any{must(l.States(ctx, []Digest{key}))(tb)[key], must(l.Steps(ctx, key))(tb), must(l.Epochs(ctx, key))(tb), evaluations}
	for i := range evaluations {
		columns, ids, err := l.Scores(ctx, evaluations[i].ID)
		ok(tb, err)
		out = append(out, columns, ids)
		evaluations[i].ID, evaluations[i].Run, evaluations[i].Entry = 0, "", 0
	}
	return out
}

func TestIngestRefuses(t *testing.T) {
	good := func() []journal.Event { return small.training(t, 0).events }
	evaluated := func(change func(*journal.Evaluated)) func() []journal.Event {
		return func() []journal.Event {
			v := small.evaluated("test", 1, 1)
			change(&v)
			return newPen(t).write(v).events
		}
	}
	tests := []struct {
		name    string
		attempt int
		before  []journal.Event
		events  func() []journal.Event
		is      error
	}{
		{"attempt that was not begun", 2, nil, good, ErrNotFound},
		{"gap", 1, nil, func() []journal.Event { return good()[1:] }, ErrGap},
		{"gap inside", 1, nil, func() []journal.Event { return slices.Delete(good(), 3, 4) }, ErrGap},
		{"other bytes at the same place", 1, good()[:3], func() []journal.Event {
			return newPen(t).write(journal.Started{Kind: "train", Worker: "somebody else"}).events
		}, ErrConflict},
		{"other time at the same place", 1, good()[:3], func() []journal.Event {
			e := good()[:1]
			e[0].Time = e[0].Time.Add(1)
			return e
		}, ErrConflict},
		{"chain", 1, nil, func() []journal.Event {
			e := good()
			e[2].Prev = id("elsewhere")
			return e
		}, journal.ErrChain},
		{"goes on after its end", 1, nil, func() []journal.Event {
			return newPen(t).write(journal.Interrupted{}, journal.Step{Step: 1}).events
		}, ErrConflict},
		{"newer type", 1, nil, func() []journal.Event {
			e := newPen(t).write(journal.Interrupted{}).events
			e[0].Type = "daydreamed"
			return e
		}, nil},
		{"newer version", 1, nil, func() []journal.Event {
			e := newPen(t).write(journal.Interrupted{}).events
			e[0].Version = 2
			return e
		}, journal.ErrUnknown},
		{"unknown field", 1, nil, func() []journal.Event {
			e := newPen(t).write(journal.Interrupted{}).events
			e[0].Body = json.RawMessage(`{"step":1,"mood":2}`)
			return e
		}, nil},
		{"step twice", 1, nil, func() []journal.Event {
			return newPen(t).write(journal.Step{Step: 1}, journal.Step{Step: 1}).events
		}, nil},
		{"short column", 1, nil, evaluated(func(v *journal.Evaluated) { v.Scores[0].Num = v.Scores[0].Num[1:] }), ErrInvalid},
		{"text for a record", 1, nil, evaluated(func(v *journal.Evaluated) { v.Records[0] = "take 5 mg daily" }), ErrInvalid},
		{"no settings", 1, nil, evaluated(func(v *journal.Evaluated) { v.Evaluation = "" }), ErrInvalid},
		{"no set", 1, nil, evaluated(func(v *journal.Evaluated) { v.Set = "test" }), ErrInvalid},
		{"split", 1, nil, evaluated(func(v *journal.Evaluated) { v.Split = "train" }), ErrInvalid},
		{"subject", 1, nil, evaluated(func(v *journal.Evaluated) { v.Subject = "me" }), ErrInvalid},
		{"adapter of no epoch", 1, nil, evaluated(func(v *journal.Evaluated) { v.Epoch = 0 }), ErrInvalid},
		{"metric twice", 1, nil, evaluated(func(v *journal.Evaluated) { v.Metrics = append(v.Metrics, v.Metrics[0]) }), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := begun(t)
			ok(t, l.Ingest(t.Context(), small.key(0), 1, tt.before))
			before := dump(t, l)
			err := l.Ingest(t.Context(), small.key(0), tt.attempt, tt.events())
			if err == nil || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(before, dump(t, l)); diff != "" {
				t.Errorf("a refused delivery left traces:\n%s", diff)
			}
			intact(t, l)
		})
	}
}

// TestResumed plays a run that is interrupted between checkpoints, fails to say
// so once, and is finished by its third attempt.
func TestResumed(t *testing.T) {
	l, c := open(t)
	ctx := t.Context()
	sweep := must(l.RecordSweep(ctx, small.sweep()))(t)
	key := small.key(1)
	state := func() RunStatus { return must(l.States(ctx, []Digest{key, id("nobody's")}))(t)[key] }
	step := func(n int, loss float64) journal.Step { return journal.Step{Step: n, Epoch: 1, Loss: loss} }
	begin := func() int {
		return must(l.BeginAttempt(ctx, Attempt{Run: key, Kind: Train, Sweep: sweep, Place: func(n int) string { return fmt.Sprintf("runs/1/%04d", n) }}))(t)
	}

	if s := state(); s.State != New || s.Attempts != 0 {
		t.Errorf("before: %+v", s)
	}
	ok(t, l.Lease(ctx, key, "worker", 60e9))
	if s := state(); s.State != Running || s.Holder != "worker" {
		t.Errorf("leased: %+v", s)
	}
	first := begin()
	ok(t, l.Ingest(ctx, key, first, newPen(t).write(journal.Started{Kind: "train", Steps: 6}, step(1, .9), step(2, .8),
		journal.Checkpoint{Step: 2, Path: "checkpoints/2"}, step(3, .7)).events))
	c.now = c.now.Add(61e9)
	want := RunStatus{State: Resumable, Attempts: 1, Checkpoint: "runs/1/0001/checkpoints/2", CheckpointDir: "runs/1/0001", CheckpointStep: 2}
	if diff := cmp.Diff(want, state()); diff != "" {
		t.Errorf("killed: %s", diff)
	}

	second := begin()
	ok(t, l.Ingest(ctx, key, second, newPen(t).write(journal.Started{Kind: "train", ResumedFrom: want.Checkpoint, ResumedStep: 2}, step(3, .75),
		journal.Failed{Error: "the loss is NaN", Hint: "lower the rate", Step: 4}).events))
	want.State, want.Attempts = Failed, 2
	if diff := cmp.Diff(want, state()); diff != "" {
		t.Errorf("failed: %s", diff)
	}
	if r := must(l.Run(ctx, key))(t); r.Error != "the loss is NaN" || r.Hint == "" || r.ChosenEpoch != 0 {
		t.Errorf("failed: %+v", r)
	}

	third := begin()
	ok(t, l.Ingest(ctx, key, third, newPen(t).write(journal.Started{Kind: "train", Parameters: 10, EightBit: 7}, step(3, .76), step(4, .6),
		small.evaluated("validation", 1, 2), journal.Epoch{Epoch: 1, Adapter: id("a"), Path: "epochs/1"}, small.evaluated("test", 1, 2),
		journal.Finished{ChosenEpoch: 1, Adapter: id("a"), Path: "epochs/1", Tokens: 99, Seconds: 4}).events))
	r := must(l.Run(ctx, key[:8]))(t)
	if r.State != Done || r.ChosenEpoch != 1 || r.AdapterPath != "runs/1/0003/epochs/1" || r.Error != "" || r.Tokens != 99 || len(r.Attempts) != 3 || r.EightBit != 7 || r.Steps != 4 {
		t.Errorf("finished: %+v", r)
	}
	var losses []float64
	for _, s := range must(l.Steps(ctx, key))(t) {
		losses = append(losses, s.Loss)
	}
	if diff := cmp.Diff([]float64{.9, .8, .76, .6}, losses); diff != "" {
		t.Errorf("losses: %s", diff)
	}

	// Trying once more in vain takes nothing away.
	begin()
	if s := state(); s.State != Done || s.Attempts != 4 {
		t.Errorf("again: %+v", s)
	}
	ok(t, l.Ingest(ctx, key, 4, newPen(t).write(journal.Failed{Error: "oops"}).events))
	if r := must(l.Run(ctx, key))(t); r.State != Done || r.ChosenEpoch != 1 || r.Error != "" {
		t.Errorf("again: %+v", r)
	}
	if r := must(l.Results(ctx, sweep))(t).Runs[2]; r.Test == nil || r.Test.Epoch != 1 || len(r.Validation) != 1 {
		t.Errorf("results: %+v", r)
	}
	intact(t, l)
}

func TestNumbersSurvive(t *testing.T) {
	l := begun(t)
	ctx := t.Context()
	values := []float64{0, math.Copysign(0, -1), math.SmallestNonzeroFloat64, math.MaxFloat64, 0.1, 1.0 / 3}
	v := small.evaluated("test", 1, 1)
	v.Records, v.Metrics, v.Scores = nil, nil, []journal.ScoreColumn{{Metric: "m", Version: 3, Num: values, Den: values}}
	for i, x := range values {
		v.Records = append(v.Records, id("%d", i))
		v.Metrics = append(v.Metrics, journal.MetricValue{Metric: fmt.Sprint(i), Version: 1, Value: &x, Num: x, Den: x})
	}
	ok(t, l.Ingest(ctx, small.key(0), 1, newPen(t).write(v).events))
	e := must(l.Evaluations(ctx, EvaluationFilter{PredictionKey: v.PredictionKey}))(t)[0]
	columns, ids, err := l.Scores(ctx, e.ID)
	ok(t, err)
	if diff := cmp.Diff(v.Metrics, e.Metrics); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(v.Scores, columns); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(v.Records, ids); diff != "" {
		t.Error(diff)
	}
	for i, x := range columns[0].Num {
		if math.Float64bits(x) != math.Float64bits(values[i]+0) { // canonical JSON has no -0
			t.Errorf("%v became %v", values[i], x)
		}
	}
}

// BenchmarkIngest delivers a journal of steps as the runner does, a second's
// worth at a time. A step holds three metric points: loss, rate, gradient norm.
func BenchmarkIngest(b *testing.B) {
	const batch = 1000
	l := begun(b)
	ctx := b.Context()
	p := newPen(b)
	written := 0
	for b.Loop() {
		b.StopTimer()
		from := len(p.events)
		for range batch {
			p.write(journal.Step{Step: len(p.events) + 1, Epoch: 1, Loss: 1.234567, Rate: 1e-4, GradNorm: .5, Tokens: 512, Targets: 100, Seconds: .1})
		}
		b.StartTimer()
		ok(b, l.Ingest(ctx, small.key(0), 1, p.events[from:]))
		written += batch
	}
	b.ReportMetric(float64(3*written)/b.Elapsed().Seconds(), "points/s")
}
