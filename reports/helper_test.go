package reports

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/olekukonko/tablewriter/pkg/twwidth"

	"daybook/ledger"
	"daybook/ledger/journal"
)

var update = flag.Bool("update", false, "write golden files")

func TestMain(m *testing.M) {
	flag.Parse()
	twwidth.SetEastAsian(false) // widths must not depend on who runs the tests
	os.Exit(m.Run())
}

const f1 = "field_f1(medications)"

// study makes up the results of a sweep.
type study struct {
	records int
	ranks   []int
	data    []string
	seeds   int
	epochs  int
	shots   bool // measure two more baselines
	bench   bool // enough for a benchmark: no tags
}

// clinical is the size of the worked experiment.
var clinical = study{records: 200, ranks: []int{4, 16}, data: []string{"clean", "noisy", "both"}, seeds: 2, epochs: 3, shots: true}

// results makes up a sweep in which rank and data matter as they say.
func (s study) results() *ledger.Results {
	res := &ledger.Results{Sweep: ledger.Sweep{
		ID: 1, Name: "clinical", Axes: []ledger.Axis{{Name: "rank", Path: "train.lora.rank"}, {Name: "data", Path: "data.subset"}, {Name: "seed", Path: "seed"}},
		Settings: json.RawMessage(`{"select": "loss", "metrics": [{"kind": "loss"}, {"kind": "json_valid"}, {"kind": "field_f1", "list": "medications", "match": ["name"]}, {"kind": "invented", "list": "medications"}], "generate": {"max_new_tokens": 256}, "by": ["quality"],
			"measured": [{"name": "loss", "lower_is_better": true}, {"name": "json_valid"}, {"name": "field_f1(medications)"}, {"name": "invented(medications)", "lower_is_better": true}]}`),
		Data: ledger.Data{
			Source: "experiments/clinical/data/notes.jsonl", Digest: digest("data"), Records: 2200, Pool: 1840,
			Validation: 100, Test: 200, Withheld: 60, Duplicates: 3, GroupBy: "patient", Groups: 733,
		},
		Git: ledger.Git{Commit: digest("commit")[:40], Branch: "main", Dirty: true},
	}}
	hard := make([]float64, s.records) // what makes a record hard makes it hard for all
	random := rand.New(rand.NewPCG(1, 2))
	for i := range hard {
		hard[i] = .25 * random.NormFloat64()
	}
	zero := digest("zero_shot")
	baselines := []string{"zero_shot"}
	if s.shots {
		baselines = append(baselines, "k_shot(2)", "unquantized")
	}
	for i, name := range baselines {
		run := s.run(len(res.Runs), digest(name), ledger.Evaluate, "nf4")
		run.Name = name
		if name == "unquantized" {
			run.Spec = spec("none")
		}
		f := []float64{.21, .30, .215}[i]
		run.Validation = []ledger.Evaluation{s.evaluation(0, "validation", f, 2.1-f, 100, hard, random).Evaluation}
		run.Test = s.evaluation(0, "test", f, 2.1-f, s.records, hard, random)
		run.Seconds = 4.6
		res.Runs = append(res.Runs, run)
	}
	for _, rank := range s.ranks {
		for d, data := range s.data {
			for seed := range s.seeds {
				run := s.run(len(res.Runs), digest(fmt.Sprint("run ", rank, data, seed)), ledger.Train, "nf4")
				run.Axes = []ledger.Choice{{Axis: "rank", Label: fmt.Sprint(rank)}, {Axis: "data", Label: data}, {Axis: "seed", Label: fmt.Sprint(seed)}}
				run.Against = zero
				f := []float64{.70, .66, .78}[d%3] + .01*float64(rank)/16 + .01*float64(seed)
				run.ChosenEpoch = 0
				least := 0.0
				for e := 1; e <= s.epochs; e++ {
					at := f - .1/float64(e*e) - .02*max(0, float64(e-2))*float64(d%2)
					loss := 1.3 - at
					v := s.evaluation(e, "validation", at, loss, 100, hard, random)
					run.Validation = append(run.Validation, v.Evaluation)
					if run.ChosenEpoch == 0 || loss < least {
						run.ChosenEpoch, least = e, loss
					}
				}
				run.Test = s.evaluation(run.ChosenEpoch, "test", f, 1.3-f, s.records, hard, random)
				run.Tokens, run.Seconds = []int{76_800, 128_400, 205_200}[d%3], []float64{12.6, 21.1, 72.4}[d%3]
				run.Adapter = digest(fmt.Sprint("adapter", len(res.Runs)))
				run.Published = &ledger.Adapter{Digest: run.Adapter, Run: run.Key, Sweep: "clinical", Version: len(res.Runs) - len(baselines) + 1, Bytes: int64(105_000 * rank / 4)}
				res.Runs = append(res.Runs, run)
			}
		}
	}
	return res
}

func (s study) run(position int, key ledger.Digest, kind ledger.Kind, quantization string) ledger.RunResult {
	return ledger.RunResult{Run: ledger.Run{
		Attempts: []ledger.AttemptInfo{{Attempt: ledger.Attempt{Number: 1, Git: ledger.Git{Commit: digest("commit")[:40], Branch: "main", Dirty: true}}}}, Result: 1,
		PlannedRun: ledger.PlannedRun{
			Key: key, Kind: kind, Position: position, Spec: spec(quantization), Base: digest("base"), Numerics: "cpu/float32/1",
			ValidationSet: digest("validation"), TestSet: digest("test"), Evaluation: digest("evaluation"),
		},
		SweepID: 1, Sweep: "clinical", State: ledger.Done,
	}}
}

func spec(quantization string) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"base": {"model": "base", "quantization": %q, "double_quant": %t}}`, quantization, quantization == "nf4"))
}

// evaluation makes up scores with about the given F1 and loss.
func (s study) evaluation(epoch int, split string, f, loss float64, records int, hard []float64, random *rand.Rand) *ledger.Scored {
	e := &ledger.Scored{Evaluation: ledger.Evaluation{
		Epoch: epoch, Split: split, Set: digest(split), Evaluation: digest("evaluation"), Records: records, List: digest(split + fmt.Sprint(records)),
	}}
	column := func(name string, score func(i int) (num, den float64)) {
		c := journal.ScoreColumn{Metric: name, Version: 1}
		for i := range records {
			num, den := score(i)
			c.Num, c.Den = append(c.Num, num), append(c.Den, den)
		}
		e.Scores = append(e.Scores, c)
		e.Metrics = append(e.Metrics, aggregate(c, "", "", func(int) bool { return true }))
		if s.bench || name != f1 {
			return
		}
		e.Metrics = append(e.Metrics,
			aggregate(c, "ward", "cardiology", func(i int) bool { return i%3 == 0 }),
			aggregate(c, "ward", "oncology", func(i int) bool { return i%3 != 0 }),
			aggregate(c, "quality", "clean", func(int) bool { return true }))
	}
	column("loss", func(i int) (float64, float64) { return 40 * max(.01, loss+hard[i%len(hard)]), 40 })
	column("json_valid", func(int) (float64, float64) { return indicator(random.Float64() < .97), 1 })
	column(f1, func(i int) (float64, float64) {
		found, gold := 0.0, float64(1+i%4)
		for range int(gold) {
			found += indicator(random.Float64() < f+hard[i%len(hard)])
		}
		return 2 * found, 2 * gold
	})
	column("invented(medications)", func(i int) (float64, float64) {
		return indicator(random.Float64() < .3*(1-f)), float64(3 * (1 + i%4))
	})
	return e
}

func indicator(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func aggregate(c journal.ScoreColumn, by, tag string, in func(i int) bool) journal.MetricValue {
	v := journal.MetricValue{Metric: c.Metric, Version: c.Version, By: by, Tag: tag}
	for i := range c.Num {
		if in(i) {
			v.Num += c.Num[i]
			v.Den += c.Den[i]
		}
	}
	if v.Den != 0 {
		x := v.Num / v.Den
		v.Value = &x
	}
	return v
}

func digest(s string) ledger.Digest { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }

// quick computes a report with few resamples, where intervals don't matter.
func quick(t *testing.T, res *ledger.Results) *Report {
	t.Helper()
	return must(New(res, Options{Resamples: 500}))(t)
}

func must[T any](v T, err error) func(tb testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}

func rendered(t *testing.T, r *Report, f Format, width int) string {
	t.Helper()
	var out bytes.Buffer
	if err := Render(&out, r, f, width); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// golden compares text with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-update writes it): %s", file, diff)
	}
}
