package runner_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/ledger"
	"daybook/ledger/attest"
	"daybook/ledger/store"
	"daybook/reports"
	"daybook/runner"
)

// TestPublishOnce has a crash between the rename of an adapter's folder and the
// fact in the ledger: the folder is there already, and is taken for what it is.
func TestPublishOnce(t *testing.T) {
	whole, p := newPlace(t), newPlace(t)
	whole.mustRun(t, whole.plan(t, one))
	check(t, os.CopyFS(filepath.Join(p.dir, "adapters"), os.DirFS(filepath.Join(whole.dir, "adapters"))))
	p.mustRun(t, p.plan(t, one))
	found, err := p.ledger.Adapters(t.Context(), ledger.AdapterFilter{Sweep: "tiny"})
	check(t, err)
	if len(found) != 1 || found[0].Version != 1 || found[0].Path != "adapters/tiny/v0001" {
		t.Errorf("adapters are %+v", found)
	}
	onlyVersions(t, p, "v0001")
	alias, err := p.ledger.Adapter(t.Context(), "tiny@best")
	check(t, err)
	if alias.Version != 1 {
		t.Errorf("best is version %d", alias.Version)
	}
}

// TestPublishWhole has a part of the adapter vanish before it is published: no
// folder appears, and no half of one.
func TestPublishWhole(t *testing.T) {
	p := newPlace(t)
	_, err := p.run(t.Context(), p.plan(t, one), func(o *runner.RunOptions) {
		o.Start = func() (runner.Worker, error) {
			w, err := p.worker()
			return workerFunc(func(ctx context.Context, dir string) error {
				if err := w.Work(ctx, dir, nobody); err != nil {
					return err
				}
				parts, err := filepath.Glob(filepath.Join(p.root.Abs(dir), runner.Checkpoints, "epoch-*", "adapter_config.json"))
				for _, part := range parts {
					check(t, os.Remove(part))
				}
				return err
			}), err
		}
	})
	if err == nil || !strings.Contains(err.Error(), "is gone from") || !strings.Contains(runner.HintOf(err), "--again") {
		t.Fatalf("error is %v, hint %q", err, runner.HintOf(err))
	}
	onlyVersions(t, p)

	// What the hint says helps.
	p.mustRun(t, p.plan(t, one, func(o *runner.PlanOptions) { o.Again = true }), func(o *runner.RunOptions) { o.Again = true })
	onlyVersions(t, p, "v0001")
	whole := newPlace(t)
	whole.mustRun(t, whole.plan(t, one))
	if !bytes.Equal(p.adapter(t), whole.adapter(t)) {
		t.Error("the adapter is another")
	}
}

// TestPublishRepaired has something in the place of a version when it is to be put
// there, which is after the ledger has it: the next run makes the folder of the entry
// that there is, and removes what a killed process left.
func TestPublishRepaired(t *testing.T) {
	p := newPlace(t)
	blocked := filepath.Join(p.root.Adapters("tiny"), "v0001")
	check(t, os.MkdirAll(filepath.Join(blocked, "something"), 0o755))
	if _, err := p.run(t.Context(), p.plan(t, one)); err == nil || !strings.Contains(runner.HintOf(err), "move adapters/tiny/v0001 away") {
		t.Fatalf("error is %v, hint %q", err, runner.HintOf(err))
	}
	before, err := p.ledger.Adapter(t.Context(), "tiny@v1")
	check(t, err)
	verified := func(problems, unfinished int) {
		t.Helper()
		found, err := runner.VerifyFiles(t.Context(), p.root, p.ledger, store.New(p.root.Store()), nil)
		check(t, err)
		if len(found.Problems) != problems || len(found.Unfinished) != unfinished {
			t.Errorf("problems %v, unfinished %q", found.Problems, found.Unfinished)
		}
	}
	verified(10, 0) // something else is in its place: that, the adapter, and eight files beside it
	check(t, os.RemoveAll(blocked))
	verified(0, 1)
	away := filepath.Join(p.dir, "away")
	for _, needed := range []string{filepath.Join(p.root.State(), "runs"), p.root.Store()} { // nothing could be made again without
		check(t, os.Rename(needed, away))
		if found, err := runner.VerifyFiles(t.Context(), p.root, p.ledger, store.New(p.root.Store()), nil); err != nil || len(found.Unfinished) > 0 || len(found.Problems) == 0 {
			t.Errorf("without %s: %v, problems %v, unfinished %q", needed, err, found.Problems, found.Unfinished)
		}
		check(t, os.Rename(away, needed))
	}
	left := filepath.Join(p.root.Adapters("tiny"), ".new-1")
	check(t, os.Mkdir(left, 0o755))
	old := time.Now().Add(-2 * time.Hour)
	check(t, os.Chtimes(left, old, old))
	p.mustRun(t, p.plan(t, one))
	onlyVersions(t, p, "v0001")
	after, err := p.ledger.Adapter(t.Context(), "tiny@v1")
	check(t, err)
	if diff := cmp.Diff(before, after); diff != "" || len(after.Files) != 6 {
		t.Errorf("the fact is another: %s\n%v", diff, after.Files)
	}
	signers, err := p.ledger.Signers(t.Context())
	check(t, err)
	folder, err := attest.ReadFolder(t.Context(), blocked, signers[0].Key)
	check(t, err)
	if diff := cmp.Diff(after, folder.Trace.Adapter.Fact); diff != "" {
		t.Error(diff)
	}
	verified(0, 0)
	check(t, os.RemoveAll(blocked)) // by a person: it was in place
	verified(1, 0)                  // the folder
}

// onlyVersions checks what is in the folder of the sweep's adapters.
func onlyVersions(t *testing.T, p *place, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(p.root.Adapters("tiny"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("folders are %v, want %v", got, want)
	}
}

// TestBestIsOfBestRow points best at the run that validation prefers within the
// row that the report marks.
func TestBestIsOfBestRow(t *testing.T) {
	p := newPlace(t)
	p.mustRun(t, p.plan(t, `local d = import 'daybook.libsonnet';
d.sweep('tiny', import 'tiny.libsonnet', [d.axis('rate', 'train.learning_rate', [1e-2, 1e-4, 1e-3]), d.axis('replica', 'seed', [0, 1])])`))
	best, err := p.ledger.Adapter(t.Context(), "tiny@best")
	check(t, err)
	sweep, err := p.ledger.Sweep(t.Context(), "tiny")
	check(t, err)
	results, err := p.ledger.Results(t.Context(), sweep.ID)
	check(t, err)
	report, err := reports.New(results, reports.Options{Resamples: 100})
	check(t, err)
	low, lowest, runs := 0.0, "", 0
	for _, row := range report.Rows {
		if !row.Best {
			continue
		}
		for _, r := range row.Results {
			runs++
			epochs, err := p.ledger.Epochs(t.Context(), r.Run)
			check(t, err)
			if v := *epochs[r.Epoch-1].Selected; lowest == "" || v < low {
				low, lowest = v, r.Run
			}
		}
	}
	if best.Run != lowest || runs != 2 {
		t.Errorf("best is run %.12s; of the best row's %d, validation prefers %.12s", best.Run, runs, lowest)
	}
}
