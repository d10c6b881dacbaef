package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"daybook/ledger/evidence"
	"daybook/ledger/journal"
	"daybook/ledger/keyring"
)

// id returns a digest made from a name.
func id(format string, args ...any) Digest {
	sum := sha256.Sum256(fmt.Appendf(nil, format, args...))
	return hex.EncodeToString(sum[:])
}

// clock is a time that tests set.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func newClock() *clock { return &clock{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func open(tb testing.TB) (*Ledger, *clock) {
	tb.Helper()
	c := newClock()
	return openAt(tb, filepath.Join(tb.TempDir(), "state", "ledger.db"), c), c
}

func openAt(tb testing.TB, path string, c *clock) *Ledger {
	tb.Helper()
	l, err := Open(tb.Context(), path, Options{Now: c.Now, Keys: ring(path)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := l.Close(); err != nil {
			tb.Error(err)
		}
	})
	return l
}

// ring returns the keys of a test's ledger.
func ring(path string) *keyring.Ring { return &keyring.Ring{Dir: path + ".keys"} }

func must[T any](v T, err error) func(tb testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}

func ok(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// pen writes a journal's events in memory.
type pen struct {
	tb     testing.TB
	events []journal.Event
	prev   string
	at     time.Time
}

func newPen(tb testing.TB) *pen {
	tb.Helper()
	return &pen{tb: tb, at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
}

func (p *pen) write(bodies ...journal.Body) *pen {
	p.tb.Helper()
	for _, b := range bodies {
		data, err := json.Marshal(b)
		ok(p.tb, err)
		p.at = p.at.Add(time.Second)
		e := journal.Event{Seq: len(p.events) + 1, Prev: p.prev, Time: p.at, Type: b.EventType(), Version: 1, Body: data}
		p.prev = must(e.Digest())(p.tb)
		p.events = append(p.events, e)
	}
	return p
}

// sample is a sweep of baselines and training runs that all went well.
type sample struct {
	runs, records, metrics, epochs, steps int
}

var small = sample{runs: 3, records: 5, metrics: 2, epochs: 2, steps: 4}

// trainedFrom is not what the sweep was planned from.
var trainedFrom = Git{Commit: "fa11", Branch: "main"}

func (s sample) key(i int) Digest { return id("run %d", i) }

func (s sample) sweep() Sweep {
	out := Sweep{
		Name: "clinical", Path: "experiments/clinical/sweep.jsonnet", Digest: id("sweep"),
		Sources:  []Source{{Path: "sweep.jsonnet", Digest: id("source")}},
		Args:     json.RawMessage(`{"ext": {"a": "<b>"}}`),
		Axes:     []Axis{{"rank", "train.lora.rank"}, {"seed", "seed"}},
		Data:     Data{Validation: 5, Test: 5},
		Settings: json.RawMessage(`{"select":"loss"}`),
		Git:      Git{Commit: "c0ffee", Branch: "main", Dirty: true, Files: []string{"a.txt"}},

		Environment: map[string]string{"go": "go1.26"},
		Planned: []PlannedRun{{
			Key: id("baseline"), Kind: Evaluate, Name: "zero_shot", Spec: json.RawMessage(`{}`), Base: id("base"), Numerics: "cpu/f32/1",
			ValidationSet: id("validation"), TestSet: id("test"), Evaluation: id("evaluation"),
		}},
	}
	for i := range s.runs {
		out.Planned = append(out.Planned, PlannedRun{
			Key: s.key(i), Kind: Train, Position: i + 1, Axes: []Choice{{"rank", fmt.Sprint(4 << i)}, {"seed", "0"}},
			Spec: json.RawMessage(`{"seed":0,"x":"a&b"}`), Base: id("base"), Numerics: "cpu/f32/1", TrainSet: id("train"),
			ValidationSet: id("validation"), TestSet: id("test"), Against: id("baseline"), Evaluation: id("evaluation"), Truncated: i,
		})
	}
	return out
}

// rootKey is the key of members' IDs.
var rootKey = evidence.RootKey([]byte("secret"))

// position is where a member of a set is in the dataset. The test set's order is
// not the dataset's, as with a split like Hugging Face's.
func (s sample) position(role string, i int) int {
	switch role {
	case "validation":
		return s.records + i
	case "test":
		return 3*s.records - i
	}
	return i
}

func (s sample) set(role string) Set {
	out := Set{Digest: id("%s", role), Dataset: id("dataset"), Role: role, Encoding: id("encoding"), RootKey: rootKey}
	for i := range s.records {
		out.Members = append(out.Members, Member{
			Position: s.position(role, i), Record: id("%s record %d", role, i), Content: id("%s content %d", role, i), Example: id("%s example %d", role, i),
			Near: id("%s near %d", role, i), Tokens: 100 + i, Truncated: i % 2,
		})
	}
	return out
}

func (s sample) evaluated(split string, epoch int, quality float64) journal.Evaluated {
	v := journal.Evaluated{
		Subject: "adapter", Epoch: epoch, Split: split, Set: id("%s", split), Evaluation: id("evaluation"),
		PredictionKey: id("%s %d %g", split, epoch, quality), Seconds: 1.5,
	}
	if epoch == 0 {
		v.Subject, v.Baseline = "base", "zero_shot"
	}
	for i := range s.records {
		v.Records = append(v.Records, id("%s record %d", split, i))
	}
	for m := range s.metrics {
		c := journal.ScoreColumn{Metric: fmt.Sprintf("metric%d", m), Version: 1}
		var num, den float64
		for i := range s.records {
			c.Num = append(c.Num, quality/float64(i+1))
			c.Den = append(c.Den, float64(i%3))
			num += c.Num[i]
			den += c.Den[i]
		}
		value := num / den
		v.Scores = append(v.Scores, c)
		v.Metrics = append(v.Metrics, journal.MetricValue{Metric: c.Metric, Version: 1, Value: &value, Num: num, Den: den},
			journal.MetricValue{Metric: c.Metric, Version: 1, By: "quality", Tag: "clean"})
	}
	return v
}

func (s sample) training(tb testing.TB, i int) *pen {
	tb.Helper()
	p := newPen(tb).write(journal.Started{
		Kind: "train", Worker: "w1", Numerics: "cpu/f32/1", Device: map[string]string{"name": "cpu"}, Engine: map[string]string{"go": "go1.26"},
		Steps: s.steps * s.epochs, Parameters: 1000, EightBit: 600,
	})
	for epoch := 1; epoch <= s.epochs; epoch++ {
		for j := range s.steps {
			step := (epoch-1)*s.steps + j + 1
			p.write(journal.Step{Step: step, Epoch: epoch, Loss: 2 / float64(step), Rate: 1e-3, GradNorm: .5, Tokens: 512, Targets: 100, Seconds: .25})
		}
		p.write(s.evaluated("validation", epoch, float64(i+epoch)),
			journal.Epoch{Epoch: epoch, TrainLoss: 1, Selected: new(1 / float64(epoch)), Best: true, Adapter: id("adapter %d %d", i, epoch), Path: fmt.Sprintf("epochs/%d", epoch), Seconds: 1},
			journal.Checkpoint{Step: epoch * s.steps, Path: fmt.Sprintf("checkpoints/%d", epoch)})
	}
	return p.write(s.evaluated("test", s.epochs, float64(i)),
		journal.Finished{ChosenEpoch: s.epochs, Adapter: id("adapter %d %d", i, s.epochs), Path: fmt.Sprintf("epochs/%d", s.epochs), Steps: s.epochs * s.steps, Tokens: 4096, Seconds: 9})
}

// fill records the whole sample and returns the sweep's ID.
func (s sample) fill(ctx context.Context, tb testing.TB, l *Ledger) int64 {
	tb.Helper()
	ok(tb, l.RecordDataset(ctx, Dataset{Digest: id("dataset"), Path: "data/notes.jsonl", Bytes: 1234, Records: 50, Root: id("root")}))
	for _, role := range []string{"train", "validation", "test"} {
		ok(tb, l.RecordSet(ctx, s.set(role)))
	}
	sweep := must(l.RecordSweep(ctx, s.sweep()))(tb)
	n := must(l.BeginAttempt(ctx, Attempt{Run: id("baseline"), Kind: Evaluate, Sweep: sweep, Git: trainedFrom, Place: func(n int) string { return fmt.Sprintf(".daybook/runs/baseline/%04d", n) }}))(tb)
	base := newPen(tb).write(journal.Started{Kind: "evaluate"}, s.evaluated("validation", 0, .5), s.evaluated("test", 0, .5), journal.Finished{Seconds: 2})
	ok(tb, l.Ingest(ctx, id("baseline"), n, base.events))
	for i := range s.runs {
		n := must(l.BeginAttempt(ctx, Attempt{Run: s.key(i), Kind: Train, Sweep: sweep, Worker: "w", Git: trainedFrom, Place: func(n int) string { return fmt.Sprintf(".daybook/runs/%d/%04d", i, n) }}))(tb)
		ok(tb, l.Ingest(ctx, s.key(i), n, s.training(tb, i).events))
		a := Adapter{Digest: id("adapter %d %d", i, s.epochs), Run: s.key(i), Epoch: s.epochs, Sweep: "clinical", Bytes: 4096}
		a.Version = must(l.ReserveVersion(ctx, a))(tb)
		a.Path = fmt.Sprintf("adapters/clinical/v%04d", a.Version)
		ok(tb, l.RecordAdapter(ctx, a))
		ok(tb, l.Placed(ctx, []Adapter{a}))
	}
	if s.runs > 0 {
		ok(tb, l.Tag(ctx, Alias{Sweep: "clinical", Alias: "best", Version: 1}))
	}
	recordEarlierSet(ctx, tb, l, s.earlier())
	return sweep
}
