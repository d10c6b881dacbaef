package worker

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"daybook/ledger"
	"daybook/ledger/journal"
	"daybook/runner"
	"daybook/sweeps"
)

// TestClinicalZeroShot holds the worked experiment's base to what a base is: it
// answers in the shape that is asked for, and doesn't know the conventions that
// adapters are to learn.
func TestClinicalZeroShot(t *testing.T) {
	dir := t.TempDir()
	check(t, os.CopyFS(dir, os.DirFS("../../experiments/clinical")))
	root, plan := planSweep(t, filepath.Join(dir, "sweep.jsonnet"))
	job := plan.Items[0].Job
	if job.Baseline != "zero_shot" {
		t.Fatalf("the first job is %q", job.Baseline)
	}
	// Validation is enough to tell, and less than half of the records.
	job.Judged = slices.DeleteFunc(job.Judged, func(j runner.Judged) bool { return j.Split != "validation" })
	attempt := root.Attempt(job.Key, 1)
	job.Attempt, job.Threads = 1, 2
	check(t, job.Write(root.Abs(attempt)))
	check(t, newWorker(root).Work(t.Context(), attempt, nobody))
	f1 := 0.0
	for _, e := range events(t, root, attempt) {
		if evaluated, ok := e.(journal.Evaluated); ok {
			for _, v := range evaluated.Metrics {
				if v.Metric == "field_f1(medications)" && v.By == "" && v.Value != nil {
					f1 = *v.Value
				}
			}
		}
	}
	if f1 < .05 || f1 > .40 {
		t.Errorf("validation F1 is %.3f without an adapter, want .05 to .40", f1)
	}
	t.Logf("validation F1 is %.3f", f1)
}

// planSweep plans a sweep file in the root that is its folder.
func planSweep(t *testing.T, path string) (runner.Root, *runner.Plan) {
	t.Helper()
	root, err := runner.NewRoot(filepath.Dir(path))
	check(t, err)
	check(t, root.Prepare())
	return root, loadPlan(t, root, nil, path)
}

// loadPlan plans a sweep file in a root, with a ledger if there is one.
func loadPlan(t *testing.T, root runner.Root, l *ledger.Ledger, path string) *runner.Plan {
	t.Helper()
	sweep, err := sweeps.Load(t.Context(), sweeps.Options{Path: path})
	check(t, err)
	key, err := root.RecordKey()
	check(t, err)
	plan, err := runner.NewPlan(t.Context(), sweep, runner.PlanOptions{Root: root, Ledger: l, Key: key, Device: "cpu", Numerics: Numerics})
	check(t, err)
	return plan
}
