package runner_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"daybook/ledger"
	"daybook/ledger/journal"
)

// BenchmarkPlanFinished plans a sweep of a thousand runs again, all of them
// finished: the file is evaluated, the data is read, and every key is made and
// looked up.
func BenchmarkPlanFinished(b *testing.B) {
	const runs = 1000
	text := fmt.Sprintf(`local d = import 'daybook.libsonnet'; d.sweep('tiny', import 'tiny.libsonnet', d.seed(std.range(0, %d)))`, runs-1)
	p := newPlace(b)
	for _, item := range p.plan(b, text).Items {
		n, err := p.ledger.BeginAttempt(b.Context(), ledger.Attempt{Run: item.Job.Key, Kind: item.Job.Kind, Dir: "runs/x"})
		check(b, err)
		body, err := json.Marshal(journal.Finished{ChosenEpoch: 1})
		check(b, err)
		e := journal.Event{Seq: 1, Time: time.Unix(1, 0).UTC(), Type: "finished", Version: 1, Body: body}
		check(b, p.ledger.Ingest(b.Context(), item.Job.Key, n, []journal.Event{e}))
	}
	for b.Loop() {
		if n := p.plan(b, text).Todo(false); n != 0 {
			b.Fatalf("%d to do", n)
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N*runs)*1e6, "us/run")
}
