package ledger

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestResults(t *testing.T) {
	l, _ := open(t)
	ctx := t.Context()
	sweep := small.fill(ctx, t, l)
	r := must(l.Results(ctx, sweep))(t)
	if len(r.Runs) != small.runs+1 {
		t.Fatalf("%d runs, want %d", len(r.Runs), small.runs+1)
	}
	for i, run := range r.Runs {
		if run.State != Done || run.Position != i || run.Test == nil {
			t.Fatalf("run %d: state %s, position %d, test %v", i, run.State, run.Position, run.Test)
		}
		if got := len(run.Test.Scores); got != small.metrics {
			t.Errorf("run %d: scores of %d metrics", i, got)
		}
		if got := len(run.Test.RecordIDs); got != small.records {
			t.Errorf("run %d: %d records", i, got)
		}
		if s := run.Test.Score("metric1"); s == nil || len(s.Num) != small.records || len(s.Den) != small.records {
			t.Errorf("run %d: metric1 scores %v", i, s)
		}
		if i == 0 {
			continue
		}
		if len(run.Validation) != small.epochs || len(run.Epochs) != small.epochs || run.ChosenEpoch != small.epochs || run.Test.Epoch != small.epochs {
			t.Errorf("run %d: %d validations, %d epochs, chosen %d", i, len(run.Validation), len(run.Epochs), run.ChosenEpoch)
		}
		if run.Published == nil || run.Published.Version != i {
			t.Errorf("run %d: published %v", i, run.Published)
		}
	}
}

func TestRescored(t *testing.T) {
	l, _ := open(t)
	ctx := t.Context()
	sweep := small.fill(ctx, t, l)
	v := small.evaluated("test", small.epochs, 9)
	v.Metrics, v.Scores = v.Metrics[:1], v.Scores[:1]
	v.Metrics[0].Version, v.Scores[0].Version = 2, 2
	fresh := v.Scores[0]
	fresh.Metric = "fresh"
	v.Scores = append(v.Scores, fresh)
	for range 2 {
		ok(t, l.RecordEvaluation(ctx, small.key(0), v))
	}
	if n := len(must(l.Evaluations(ctx, EvaluationFilter{Run: small.key(0), Split: "test"}))(t)); n != 2 {
		t.Errorf("%d evaluations: the same scores are kept once", n)
	}
	elsewhere := small.evaluated("test", small.epochs, 8)
	elsewhere.Evaluation = id("other settings")
	ok(t, l.RecordEvaluation(ctx, small.key(0), elsewhere))
	elsewhere.Evaluation, elsewhere.Set = id("evaluation"), id("other records")
	ok(t, l.RecordEvaluation(ctx, small.key(0), elsewhere))
	early := small.evaluated("test", 1, 7)
	ok(t, l.RecordEvaluation(ctx, small.key(0), early))
	if err := l.RecordEvaluation(ctx, id("nobody's"), v); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}

	r := must(l.Results(ctx, sweep))(t).Runs[1]
	var metrics []string
	for _, m := range r.Test.Scores {
		metrics = append(metrics, m.Metric)
	}
	if diff := cmp.Diff([]string{"metric1", "metric0", "fresh"}, metrics); diff != "" {
		t.Error(diff)
	}
	if s := r.Test.Score("metric0"); s.Version != 2 || s.Num[0] != 9 {
		t.Errorf("got %+v", s)
	}
	if r.Test.Epoch != small.epochs {
		t.Errorf("epoch %d is reported", r.Test.Epoch)
	}
	if got := r.Test.Value("metric0", "", ""); got == nil || *got != *v.Metrics[0].Value {
		t.Errorf("metric0 is %v", got)
	}
	if got := r.Test.Value("metric1", "quality", "clean"); got != nil {
		t.Errorf("metric1 of nothing is %v", *got)
	}
	intact(t, l)
}

func TestResultsOfNone(t *testing.T) {
	l, _ := open(t)
	for _, id := range []int64{0, 1, -1} {
		if _, err := l.Results(t.Context(), id); !errors.Is(err, ErrNotFound) {
			t.Errorf("sweep %d: %v", id, err)
		}
	}
}

func TestResultsAgreeWithQueries(t *testing.T) {
	l, _ := open(t)
	ctx := t.Context()
	sweep := small.fill(ctx, t, l)
	for i, r := range must(l.Results(ctx, sweep))(t).Runs {
		single := must(l.Run(ctx, r.Key))(t)
		if diff := cmp.Diff(single, r.Run); diff != "" {
			t.Errorf("run %d: %s", i, diff)
		}
		e := must(l.Evaluations(ctx, EvaluationFilter{Run: r.Key, Split: "test"}))(t)
		if diff := cmp.Diff(e[0], r.Test.Evaluation); diff != "" {
			t.Errorf("run %d: %s", i, diff)
		}
		if diff := cmp.Diff(must(l.Epochs(ctx, r.Key))(t), r.Epochs, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("run %d: %s", i, diff)
		}
	}
}

func BenchmarkResults(b *testing.B) {
	s := sample{runs: 12, records: 200, metrics: 8, epochs: 3, steps: 100}
	l, _ := open(b)
	sweep := s.fill(b.Context(), b, l)
	b.ResetTimer()
	for b.Loop() {
		r := must(l.Results(b.Context(), sweep))(b)
		if len(r.Runs) != s.runs+1 || len(r.Runs[1].Test.Scores) != s.metrics {
			b.Fatal("results are not whole")
		}
	}
}
