package runner_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"daybook/ledger"
)

// fewer judges the run of patched("{}") by another test set.
var fewer = patched("{ data+: { test+: { count: 3 } } }")

// TestReevaluated judges a finished adapter by a test set that is new: the attempt
// is one at its run, and doesn't replace the result of training.
func TestReevaluated(t *testing.T) {
	p := newPlace(t)
	p.mustRun(t, p.plan(t, patched("{}")))
	key := trained(p.plan(t, fewer))[0]
	before, err := p.ledger.Run(t.Context(), key)
	check(t, err)
	if outcome := p.mustRun(t, p.plan(t, fewer)); outcome.Finished != 2 { // with the baseline
		t.Errorf("outcome is %+v", outcome)
	}
	run, err := p.ledger.Run(t.Context(), key)
	check(t, err)
	if n := len(run.Attempts); n != 2 || run.Attempts[1].Kind != ledger.Evaluate || run.Attempts[1].Outcome != "finished" {
		t.Fatalf("attempts are %+v", run.Attempts)
	}
	if run.Adapter != before.Adapter || run.AdapterPath != before.AdapterPath || run.Steps != before.Steps || run.Seconds != before.Seconds {
		t.Errorf("the result was %+v, is %+v", before, run)
	}
	p.judgedOn(t, run)
	if outcome := p.mustRun(t, p.plan(t, fewer)); outcome.Finished != 0 {
		t.Errorf("once more: %+v", outcome)
	}
}

// TestReevaluatedCaughtUp has the runner die while a worker judges.
func TestReevaluatedCaughtUp(t *testing.T) {
	p := newPlace(t)
	p.mustRun(t, p.plan(t, patched("{}")))
	key := trained(p.plan(t, fewer))[0]
	dir := p.begin(t, fewer)[key]
	w, err := p.worker()
	check(t, err)
	check(t, w.Work(t.Context(), dir, nobody))
	p.catchUp(t)
	run, err := p.ledger.Run(t.Context(), key)
	check(t, err)
	p.judgedOn(t, run)
	if outcome := p.mustRun(t, p.plan(t, fewer)); outcome.Finished != 0 {
		t.Errorf("judged once more: %+v", outcome)
	}
}

// judgedOn fails unless the run was evaluated on the test set of its newest plan.
func (p *place) judgedOn(t *testing.T, run ledger.Run) {
	t.Helper()
	found, err := p.ledger.Evaluations(t.Context(), ledger.EvaluationFilter{Run: run.Key, Split: "test", Set: run.TestSet})
	check(t, err)
	if len(found) != 1 || found[0].Attempt != 2 || found[0].Epoch != run.ChosenEpoch || found[0].Records != 3 {
		t.Errorf("evaluations are %+v", found)
	}
}

// TestRescoredOnce breaks metrics down by a field that only records in training
// have.
func TestRescoredOnce(t *testing.T) {
	p := newPlace(t)
	path := filepath.Join(p.dir, "notes.jsonl")
	data, err := os.ReadFile(path)
	check(t, err)
	data = bytes.ReplaceAll(data, []byte(`"patient":"p16"`), []byte(`"seldom":"yes","patient":"p16"`))
	if !bytes.Contains(data, []byte("seldom")) {
		t.Fatalf("no note is of patient p16: %s", data[:200])
	}
	check(t, os.WriteFile(path, data, 0o600))
	text := patched("{ eval+: { by: ['seldom'] } }")
	p.mustRun(t, p.plan(t, text))
	key := trained(p.plan(t, text))[0]
	count := func() int {
		found, err := p.ledger.Evaluations(t.Context(), ledger.EvaluationFilter{Run: key})
		check(t, err)
		return len(found)
	}
	before := count()
	// A metric by which nothing was scored before is added once.
	more := patched("{ eval+: { by: ['seldom'], metrics+: ['exact_match'] } }")
	for range 2 {
		p.mustRun(t, p.plan(t, more))
	}
	if after := count(); after != before+before {
		t.Errorf("%d evaluations, then %d", before, after)
	}
	p.mustRun(t, p.plan(t, text))
	if after := count(); after != before+before {
		t.Errorf("%d evaluations after the first sweep again", after)
	}
}
