package runner_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/engine/dataset"
	"daybook/ledger/journal"
	"daybook/runner"
	"daybook/sweeps"
)

func TestPredictions(t *testing.T) {
	root := runner.Root{Dir: t.TempDir()}
	check(t, root.Prepare())
	text := "<a> & \"b\"\n "
	want := []runner.Prediction{{Record: "r1", Text: &text, NLL: 0.1 + 0.2, Targets: 3, Hits: 1}, {Record: "r2", NLL: 1e-300}}
	_, err := runner.WritePredictions(root, "key", want)
	check(t, err)
	got, err := runner.ReadPredictions(root, "key")
	check(t, err)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got, err := runner.ReadPredictions(root, "other"); got != nil || err != nil {
		t.Errorf("predictions that were deleted: %v, %v", got, err)
	}
	check(t, os.WriteFile(filepath.Join(root.Predictions(), "bad.jsonl"), []byte("{\"record\":1}\n"), 0o600))
	if _, err := runner.ReadPredictions(root, "bad"); err == nil || !strings.Contains(err.Error(), "predictions: .daybook/predictions/bad.jsonl") {
		t.Errorf("a damaged file: %v", err)
	}
}

// TestScoreAll breaks metrics down by a field that one record doesn't have.
func TestScoreAll(t *testing.T) {
	ds, err := dataset.Read("notes.jsonl", strings.NewReader(strings.ReplaceAll(`{"quality":"clean","messages":M}
{"quality":"noisy","messages":M}
{"messages":M}
{"quality":"clean","messages":M}
`, "M", `[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]`)))
	check(t, err)
	metrics, err := runner.Metrics(sweeps.Eval{Metrics: []sweeps.Metric{{Kind: "exact_match"}, {Kind: "loss"}}})
	check(t, err)
	var questions []runner.Question
	var predictions []runner.Prediction
	for i, answer := range []string{"b", "c", "b", "d"} {
		questions = append(questions, runner.Question{Record: i, Reference: "b"})
		predictions = append(predictions, runner.Prediction{Text: &answer, NLL: float64(i), Targets: 2})
	}
	var e journal.Evaluated
	runner.ScoreAll(&e, metrics, questions, predictions, ds, []string{"quality", "ward"})
	type value struct {
		Metric, By, Tag string
		Num, Den        float64
	}
	var got []value
	for _, m := range e.Metrics {
		got = append(got, value{m.Metric, m.By, m.Tag, m.Num, m.Den})
		if *m.Value != m.Num/m.Den {
			t.Errorf("%s is %v, want %v", m.Metric, *m.Value, m.Num/m.Den)
		}
	}
	want := []value{
		{"loss", "", "", 6, 8},
		{"loss", "quality", "clean", 3, 4},
		{"loss", "quality", "noisy", 1, 2},
		{"exact_match", "", "", 2, 4},
		{"exact_match", "quality", "clean", 1, 2},
		{"exact_match", "quality", "noisy", 0, 1},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if len(e.Scores) != 2 || len(e.Scores[0].Num) != 4 || e.Scores[1].Num[1] != 0 || e.Scores[1].Num[2] != 1 {
		t.Errorf("scores are %+v", e.Scores)
	}
}
