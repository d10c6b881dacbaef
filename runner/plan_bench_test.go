package runner_test

import (
	"encoding/json"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"daybook/ledger"
	"daybook/ledger/journal"
	"daybook/sweeps"
)

// grid is a sweep of ten thousand runs, as a search over ranks, epochs, subsets and
// seeds has them.
const grid = `
local d = import 'daybook.libsonnet';
d.sweep('grid', (import 'tiny.libsonnet') + { train+: { lora+: { alpha: 2 * self.rank } } }, [
  d.rank([2, 4, 8, 16, 32]),
  d.epochs([1, 2, 3, 4, 5]),
  d.data([
    ['all', d.all],
    ['clean', d.where({ quality: 'clean' })],
    ['few', d.take(8, { quality: 'clean' }, seed=1)],
    ['some', d.take(16, seed=1)],
    ['half', d.fraction(0.5, seed=1)],
    ['other half', d.fraction(0.5, seed=2)],
    ['rest', d.except(d.all, d.take(16, seed=1))],
    ['both', d.union([d.take(8, seed=1), d.take(8, seed=2)])],
  ]),
  d.seed(std.range(0, 49)),
])
`

// BenchmarkPlanFinished plans a sweep of ten thousand runs again, all of them
// finished: the data is read, and every key is made and looked up. It says apart what
// evaluating and checking the file takes, as run does it, and checking alone what it
// evaluated to before, as plan does it.
func BenchmarkPlanFinished(b *testing.B) {
	const runs = 10_000
	p := newPlace(b)
	plan := p.plan(b, grid)
	if n := len(trained(plan)); n != runs {
		b.Fatalf("%d runs", n)
	}
	for _, item := range plan.Items {
		n, err := p.ledger.BeginAttempt(b.Context(), ledger.Attempt{Run: item.Job.Key, Kind: item.Job.Kind, Dir: "runs/x"})
		check(b, err)
		body, err := json.Marshal(journal.Finished{ChosenEpoch: 1})
		check(b, err)
		e := journal.Event{Seq: 1, Time: time.Unix(1, 0).UTC(), Type: "finished", Version: 1, Body: body}
		check(b, p.ledger.Ingest(b.Context(), item.Job.Key, n, []journal.Event{e}))
	}
	again := sweeps.Options{Path: filepath.Join(p.dir, "sweep.jsonnet"), Memory: p.root.Evaluations()}
	_, err := sweeps.Load(b.Context(), again)
	check(b, err)
	measure := func(name string, do func()) {
		b.Run(name, func(b *testing.B) {
			used := processor(b)
			for b.Loop() {
				do()
			}
			b.ReportMetric((processor(b)-used).Seconds()/float64(b.N), "cpu-s/op")
		})
	}
	measure("evaluate", func() {
		_, err := sweeps.Load(b.Context(), sweeps.Options{Path: again.Path})
		check(b, err)
	})
	measure("recall", func() {
		_, err := sweeps.Load(b.Context(), again)
		check(b, err)
	})
	measure("plan", func() {
		if n := p.planWith(b, again).Todo(false); n != 0 {
			b.Fatalf("%d to do", n)
		}
	})
}

// processor returns the processor time that this process has used: on a machine that
// does other things as well, it says more than the time that has passed.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	check(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
