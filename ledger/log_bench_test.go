package ledger

import (
	"context"
	"flag"
	"fmt"
	"syscall"
	"testing"
	"time"

	"daybook/ledger/evidence"
	"daybook/ledger/journal"
)

// million makes BenchmarkVerify look at a million entries, which take a minute to
// write; otherwise it is a twentieth of that.
var million = flag.Bool("million", false, "verify a million entries")

// processor returns the time that this process has computed.
func processor(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	ok(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkVerify checks a ledger of many runs, each with what a short run leaves:
// an entry of each kind, among them one for 20 steps.
func BenchmarkVerify(b *testing.B) {
	entries := 50_000
	if *million {
		entries = 1_000_000
	}
	l, _ := open(b)
	ctx := b.Context()
	s := sample{runs: 1, records: 20, metrics: 2, epochs: 2, steps: 20}
	ok(b, l.RecordDataset(ctx, Dataset{Digest: id("dataset"), Path: "data/notes.jsonl", Bytes: 1234, Records: 50, Root: id("root")}))
	s.fill(ctx, b, l)
	must(l.write.Exec("PRAGMA synchronous = OFF"))(b)
	for i := 0; count(b, l, "entries") < entries; i++ {
		// Many runs in one transaction: what is measured is reading them.
		ok(b, l.update(ctx, func(ctx context.Context, t *transaction) error {
			for j := range 500 {
				key := id("bench %d %d", i, j)
				if err := t.append(ctx, typeAttempt, Attempt{Run: key, Number: 1, Kind: Train, Dir: "runs/x"}); err != nil {
					return err
				}
				if err := t.ingest(ctx, key, 1, s.training(b, j).events); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	n := count(b, l, "entries")
	b.ResetTimer()
	used := processor(b)
	for b.Loop() {
		v := must(l.Verify(ctx, VerifyOptions{Keys: l.keys}))(b)
		if len(v.Problems) > 0 || int(v.Entries) != n {
			b.Fatal(v.Problems)
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "entries/s")
	b.ReportMetric((processor(b)-used).Seconds()/float64(b.N), "cpu-s/op")
	b.ReportMetric(float64(n), "entries")
}

// BenchmarkVerifyLog checks a ledger whose entries are small and have a row each.
func BenchmarkVerifyLog(b *testing.B) {
	entries := 50_000
	if *million {
		entries = 1_000_000
	}
	l, _ := open(b)
	ctx := b.Context()
	must(l.write.Exec("PRAGMA synchronous = OFF"))(b)
	ok(b, l.update(ctx, func(ctx context.Context, t *transaction) error {
		for i := range entries - 1 {
			if err := t.append(ctx, typeDataset, Dataset{Digest: id("dataset %d", i), Path: "data/notes.jsonl", Bytes: 1234, Records: 50, Root: id("root")}); err != nil {
				return err
			}
		}
		return nil
	}))
	b.ResetTimer()
	used := processor(b)
	for b.Loop() {
		v := must(l.Verify(ctx, VerifyOptions{Keys: l.keys}))(b)
		if len(v.Problems) > 0 || int(v.Entries) != entries {
			b.Fatal(v.Problems)
		}
	}
	b.ReportMetric(float64(entries*b.N)/b.Elapsed().Seconds(), "entries/s")
	b.ReportMetric((processor(b)-used).Seconds()/float64(b.N), "cpu-s/op")
}

// BenchmarkBegin begins a run: a lease and an attempt.
func BenchmarkBegin(b *testing.B) {
	l, _ := open(b)
	ctx := b.Context()
	small.fill(ctx, b, l)
	i := 0
	for b.Loop() {
		i++
		run := id("run %d", i)
		ok(b, l.Lease(ctx, run, "me", time.Minute))
		must(l.BeginAttempt(ctx, Attempt{Run: run, Kind: Train, Dir: "runs/x", Git: trainedFrom}))(b)
	}
}

// TestSpaceOfSteps holds the log to less than what follows from it: a step is not
// to be paid for twice.
func TestSpaceOfSteps(t *testing.T) {
	l := begun(t)
	p := newPen(t)
	for i := range 3000 {
		p.write(journal.Step{Step: i + 1, Epoch: 1, Loss: 1.2345678901234 / float64(i+1), Rate: 1e-4 / float64(i+7), GradNorm: .5 / float64(i+3), Tokens: 512, Targets: 100, Seconds: .123456})
	}
	ok(t, l.Ingest(t.Context(), small.key(0), 1, p.events))
	var log, lines float64
	ok(t, l.read.QueryRow("SELECT sum(length(body)) FROM entries WHERE type = 'steps'").Scan(&log))
	for _, e := range p.events {
		lines += float64(len(must(e.Line())(t)))
	}
	n := float64(len(p.events))
	const rows = 6 + 4*8 + 4*3 + 6 + 34 // bytes a step in tables steps and journal_lines, SQLite's record format
	t.Logf("bytes a step: %.0f in the journal, %.0f in the log, about %d in tables", lines/n, log/n, rows)
	if log/n > rows*1.2 || log > lines/3 {
		t.Errorf("%.0f bytes of log for %.0f of journal", log, lines)
	}
}

// TestStepsByColumn gives every form of a step's line back with the digest that it
// was delivered with.
func TestStepsByColumn(t *testing.T) {
	l := begun(t)
	ctx := t.Context()
	p := newPen(t).write(journal.Started{Kind: "train"})
	numbers := []float64{0, 1, -1.5, 1e-7, 1.5e300, 5e-324, 1e21, 123456789012345680, 0.1}
	for i, x := range numbers {
		p.write(journal.Step{Step: i + 1, Epoch: 1, Loss: x, Rate: -x, GradNorm: x, Seconds: x, Tokens: i})
	}
	foreign := newPen(t)
	foreign.events, foreign.prev, foreign.at = p.events, p.prev, p.at
	foreign.write(journal.Step{Step: 100})
	e := &foreign.events[len(foreign.events)-1]
	e.Body = fmt.Appendf(nil, `{"loss":1.50,"step":100,"epoch":1,"learning_rate":0,"grad_norm":0,"tokens":0,"targets":0,"seconds":0}`)
	ok(t, l.Ingest(ctx, small.key(0), 1, foreign.events))
	ok(t, l.Ingest(ctx, small.key(0), 1, foreign.events)) // every line is known again by its digest
	steps := must(l.Steps(ctx, small.key(0)))(t)
	for i, x := range numbers {
		if steps[i].Loss != x || steps[i].Tokens != i {
			t.Errorf("step %d: %+v", i+1, steps[i])
		}
	}
	if last := steps[len(steps)-1]; last.Step.Step != 100 || last.Loss != 1.5 {
		t.Errorf("a line in another form: %+v", last)
	}
	for _, e := range must(collect(ctx, l, scanOne[string], "SELECT body FROM entries"))(t) {
		if again, err := evidence.Canonicalize([]byte(e)); err != nil || string(again) != e {
			t.Errorf("not canonical: %s", e)
		}
	}
	intact(t, l)
}
