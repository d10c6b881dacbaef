package ledger

import (
	"testing"
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
		if run.State != Finished || run.Position != i || run.Test == nil {
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
