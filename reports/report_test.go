package reports

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/ledger"
	"daybook/ledger/journal"
)

func TestRows(t *testing.T) {
	res := clinical.results()
	r := quick(t, res)
	if len(r.Rows) != 9 || r.Metric != f1 || r.Select != "loss" || r.LowerIsBetter {
		t.Fatalf("%d rows by %s, selected by %s", len(r.Rows), r.Metric, r.Select)
	}
	w := r.Rows[5] // rank 4, both
	if diff := cmp.Diff([]ledger.Choice{{Axis: "rank", Label: "4"}, {Axis: "data", Label: "both"}}, w.Axes); diff != "" {
		t.Error(diff)
	}
	a, b := res.Runs[7].Test.Score(f1), res.Runs[8].Test.Score(f1)
	x, y := sum(a.Num)/sum(a.Den), sum(b.Num)/sum(b.Den)
	if *w.Mean != (x+y)/2 || math.Abs(*w.SD-math.Abs(x-y)/math.Sqrt2) > 1e-12 {
		t.Errorf("%g ± %g of %g and %g", *w.Mean, *w.SD, x, y)
	}
	invented := sum(res.Runs[7].Test.Score("invented(medications)").Num) + sum(res.Runs[8].Test.Score("invented(medications)").Num)
	if w.Invented.Num != invented || w.Tokens != 205_200 || w.Seconds != 72.4 || w.Bytes != 105_000 {
		t.Errorf("%+v", w)
	}
	want := []Result{
		{Run: res.Runs[7].Key, Seed: "0", Epoch: 3, Value: &x, Adapter: "clinical@v5"},
		{Run: res.Runs[8].Key, Seed: "1", Epoch: 3, Value: &y, Adapter: "clinical@v6"},
	}
	if diff := cmp.Diff(want, w.Results); diff != "" {
		t.Error(diff)
	}
	if len(w.Curve) != 3 || w.Curve[1].Epoch != 2 || w.Curve[1].Seeds != 2 {
		t.Errorf("curve %+v", w.Curve)
	}
	v := (*res.Runs[7].Validation[1].Value("loss", "", "") + *res.Runs[8].Validation[1].Value("loss", "", "")) / 2
	if *w.Curve[1].Select != v {
		t.Errorf("loss of epoch 2 is %g, want %g", *w.Curve[1].Select, v)
	}
	if len(w.Tags) != 3 || w.Tags[0].Tag != "cardiology" || w.Tags[0].SD == nil {
		t.Errorf("tags %+v", w.Tags)
	}
	if z := r.Rows[0]; z.SD != nil || z.VersusBaseline != nil || len(z.Curve) != 0 || z.Validation == nil {
		t.Errorf("baseline %+v", z)
	}
}

func TestSeedsInOrder(t *testing.T) {
	res := study{records: 10, ranks: []int{4}, data: []string{"clean"}, seeds: 11, epochs: 1}.results()
	slices.Reverse(res.Runs)
	var got []string
	for _, s := range quick(t, res).Rows[1].Results {
		got = append(got, s.Seed)
	}
	if want := "0 1 2 3 4 5 6 7 8 9 10"; strings.Join(got, " ") != want {
		t.Errorf("%v", got)
	}
}

// TestStoppedEarly: an epoch that not every seed reached is shown as such, and is
// never the best, since seeds that stop are those for which it would be bad.
func TestStoppedEarly(t *testing.T) {
	res := small.results()
	res.Runs[3].Validation = res.Runs[3].Validation[:1]
	res.Runs[3].ChosenEpoch = 1
	r := quick(t, res)
	table := r.epochs()[0].fit(0)
	if row := table.rows[0]; !strings.HasSuffix(row[3], "*") || !strings.HasSuffix(row[4], " (2/3)") {
		t.Errorf("%q", row)
	}
	if row := table.rows[1]; strings.HasSuffix(row[3], "*") || !strings.HasSuffix(row[4], "*") {
		t.Errorf("%q", row)
	}
	if got := listCell(r.Rows[3].epochs()).Text(); got != "1,2,2" {
		t.Errorf("chosen epochs are %s", got)
	}
}

func sum(x []float64) (s float64) {
	for _, v := range x {
		s += v
	}
	return s
}

// TestTestDecidesNothing: whatever was measured on test, the same row is best.
func TestTestDecidesNothing(t *testing.T) {
	best := func(r *Report) int { return slices.IndexFunc(r.Rows, func(w Row) bool { return w.Best }) }
	r := quick(t, clinical.results())
	at := best(r)
	if at < 3 {
		t.Fatalf("best is row %d", at)
	}
	for _, w := range r.Rows[3:] {
		if *w.Validation < *r.Rows[at].Validation {
			t.Errorf("%s has a lower validation loss than the best row", w.identity())
		}
	}
	res := clinical.results()
	for i := range res.Runs {
		if run := &res.Runs[i]; run.Test != nil {
			for j := range run.Test.Metrics {
				v := float64(i) / 100
				run.Test.Metrics[j].Value = &v
			}
		}
	}
	if other := best(quick(t, res)); other != at {
		t.Errorf("other test results made row %d the best instead of %d", other, at)
	}
}

func TestSelectsHigherOfScores(t *testing.T) {
	res := clinical.results()
	res.Sweep.Settings = json.RawMessage(strings.Replace(string(res.Sweep.Settings), `"loss"`, `"`+f1+`"`, 1))
	r := quick(t, res)
	for _, w := range r.Rows[3:] {
		for _, b := range r.Rows[3:] {
			if b.Best && *w.Validation > *b.Validation {
				t.Errorf("%s is better than the best row", w.identity())
			}
		}
	}
	if n := len(Lay(r).Tables); n != 3 { // comparison, epochs once, tags
		t.Errorf("%d tables", n)
	}
}

func TestMetric(t *testing.T) {
	res := small.results()
	for asked, want := range map[string]string{"": f1, "loss": "loss", "json_valid": "json_valid", "field_f1": f1, f1: f1, "invented": "invented(medications)"} {
		r := must(New(res, Options{Metric: asked, Resamples: 200}))(t)
		if r.Metric != want || r.LowerIsBetter != (want == "loss" || want == "invented(medications)") {
			t.Errorf("%q is %s, lower is better: %t", asked, r.Metric, r.LowerIsBetter)
		}
		if r.Rows[5].Mean == nil || r.Rows[5].VersusBaseline == nil {
			t.Errorf("%s: %+v", want, r.Rows[5])
		}
	}
	var bad *MetricError
	if _, err := New(res, Options{Metric: "field_recall"}); !errors.As(err, &bad) || bad.Ambiguous || !strings.Contains(bad.Hint(), f1) {
		t.Errorf("got %v", err)
	} else if want := "report: sweep clinical: metric field_recall: not measured"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	res.Sweep.Settings = json.RawMessage(`{"measured": [{"name": "field_f1(a:name,dose)"}, {"name": "field_f1(b)"}]}`)
	if _, err := New(res, Options{Metric: "field_f1"}); !errors.As(err, &bad) || !bad.Ambiguous || !strings.Contains(bad.Hint(), "field_f1(a:name,dose), field_f1(b)") {
		t.Errorf("got %v", err)
	}
	if _, err := New(&ledger.Results{}, Options{Metric: "loss"}); !errors.As(err, &bad) || bad.Hint() != "the sweep measures none" {
		t.Errorf("got %v", err)
	}
}

func TestPrimary(t *testing.T) {
	for want, names := range map[string][]string{
		f1:            {"loss", "json_valid", f1, "field_f1(other)"},
		"json_valid":  {"loss", "perplexity", "json_valid"},
		"exact_match": {"exact_match", "loss"},
		"loss":        {"loss", "perplexity"},
	} {
		if got := primary(names); got != want {
			t.Errorf("of %v: %s", names, got)
		}
	}
	if got := primary(nil); got != "loss" {
		t.Errorf("of none: %s", got)
	}
}

func TestPerplexity(t *testing.T) {
	res := small.results()
	res.Sweep.Settings = json.RawMessage(`{"measured": [{"name": "loss", "lower_is_better": true}, {"name": "perplexity", "lower_is_better": true}]}`)
	for i := range res.Runs {
		s := *res.Runs[i].Test.Score("loss")
		s.Metric = "perplexity"
		v := math.Exp(sum(s.Num) / sum(s.Den))
		res.Runs[i].Test.Scores = append(res.Runs[i].Test.Scores, s)
		res.Runs[i].Test.Metrics = append(res.Runs[i].Test.Metrics, journal.MetricValue{Metric: "perplexity", Version: 1, Value: &v})
	}
	r := must(New(res, Options{Metric: "perplexity", Resamples: 2000}))(t)
	for _, w := range r.Rows[3:] {
		c := w.VersusBaseline
		if c.Difference > 0 || c.Low > c.Difference || c.High < c.Difference || c.High-c.Low > 2 {
			t.Errorf("%s: %+v", w.identity(), *c)
		}
	}
}

func TestUnfinished(t *testing.T) {
	res := small.results()
	stop := func(i int, state ledger.State, text string) {
		run := &res.Runs[i]
		run.State, run.Error, run.Test, run.Published, run.ChosenEpoch = state, text, nil, nil, 0
	}
	stop(3, ledger.Failed, "loss is not finite at step 7\nsecond line")
	stop(7, ledger.Resumable, "")
	stop(10, ledger.New, "")
	stop(11, ledger.Running, "")
	res.Runs[1].State = ledger.Running // measured before, being measured again
	r := quick(t, res)
	if w := r.Rows[3]; w.Planned != 3 || len(w.Results) != 2 || w.Results[0].Seed != "1" || w.Mean == nil || w.SD == nil || w.VersusBaseline == nil {
		t.Errorf("%+v", w)
	}
	if w := r.Rows[5]; len(w.Results) != 1 || w.SD != nil || w.VersusBest == nil && !w.Best {
		t.Errorf("%+v", w)
	}
	if w := r.Rows[1]; len(w.Results) != 1 || w.VersusBaseline == nil {
		t.Errorf("%+v", w)
	}
	want := []UnfinishedRun{
		{res.Runs[3].Key, "rank=4 data=clean seed=0", ledger.Failed, "loss is not finite at step 7"},
		{res.Runs[7].Key, "rank=4 data=noisy seed=1", ledger.Resumable, ""},
		{res.Runs[10].Key, "rank=16 data=clean seed=1", ledger.New, ""},
		{res.Runs[11].Key, "rank=16 data=clean seed=2", ledger.Running, ""},
	}
	if diff := cmp.Diff(want, r.Unfinished); diff != "" {
		t.Error(diff)
	}
	if !warns(r, WarnUnfinished) {
		t.Errorf("no warning in %v", r.Warnings)
	}
	golden(t, "unfinished.120.txt", rendered(t, r, FormatTable, 120))
}

func TestWarnings(t *testing.T) {
	none := study{records: 120, ranks: []int{4}, data: []string{"clean"}, seeds: 3, epochs: 1}
	for _, c := range []struct {
		name  string
		spoil func(s *study)
		res   func(res *ledger.Results)
		want  []string
	}{
		{name: "none"},
		{name: "few records", spoil: func(s *study) { s.records = 99 }, want: []string{WarnFewRecords}},
		{name: "one seed", spoil: func(s *study) { s.seeds = 1 }, want: []string{WarnSingleSeed}},
		{name: "two seeds", spoil: func(s *study) { s.seeds = 2 }, want: []string{WarnFewSeeds}},
		{name: "a seed to come", res: func(res *ledger.Results) { res.Runs[2].State = ledger.Resumable; res.Runs[2].Test = nil }, want: []string{WarnUnfinished}},
		{name: "finished, not judged", res: func(res *ledger.Results) { res.Runs[2].Test = nil }, want: []string{WarnNotMeasured}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := none
			if c.spoil != nil {
				c.spoil(&s)
			}
			res := s.results()
			res.Sweep.Data = ledger.Data{}
			if c.res != nil {
				c.res(res)
			}
			var got []string
			for _, w := range quick(t, res).Warnings {
				got = append(got, w.Kind)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBadResults(t *testing.T) {
	for want, spoil := range map[string]func(res *ledger.Results){
		"report: sweep clinical: settings: ": func(res *ledger.Results) { res.Sweep.Settings = json.RawMessage(`[]`) },
		": loss: 39 and 40 scores of 40 records": func(res *ledger.Results) {
			s := res.Runs[4].Test.Score("loss")
			s.Num = s.Num[1:]
		},
	} {
		res := small.results()
		spoil(res)
		if _, err := New(res, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want ...%s...", err, want)
		}
	}
	res := small.results()
	res.Runs[4].Spec = json.RawMessage(`{"base": 3}`)
	if r := quick(t, res); r.Rows[3].Quantization != "nf4 double-quantized" || len(r.Footer.Bases) != 2 || r.Footer.Bases[1].Quantization != "unknown" {
		t.Errorf("bases %+v", r.Footer.Bases)
	}
}

// TestUndefined: where a run has nothing to score, it has no value and takes no part.
func TestUndefined(t *testing.T) {
	res := small.results()
	invented := "invented(medications)"
	for i := range res.Runs[0].Test.Metrics { // the base extracts nothing
		if m := &res.Runs[0].Test.Metrics[i]; m.Metric == invented {
			m.Value, m.Num, m.Den = nil, 0, 0
		}
	}
	clear(res.Runs[0].Test.Score(invented).Num)
	clear(res.Runs[0].Test.Score(invented).Den)
	r := must(New(res, Options{Metric: "invented", Resamples: 200}))(t)
	if w := r.Rows[0]; w.Mean != nil || w.Invented == nil || w.Invented.Den != 0 {
		t.Errorf("%+v", w)
	}
	for _, w := range r.Rows[1:] {
		if w.VersusBaseline != nil {
			t.Errorf("%s is compared with nothing", w.identity())
		}
	}
	if !warns(r, WarnNotMeasured) {
		t.Errorf("no warning in %v", r.Warnings)
	}
}

// TestJSON: what a program reads is the whole report.
func TestJSON(t *testing.T) {
	for _, res := range []*ledger.Results{small.results(), {}} {
		r := quick(t, res)
		var back Report
		text := rendered(t, r, FormatJSON, 0)
		if err := json.Unmarshal([]byte(text), &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, &back, exported); diff != "" {
			t.Error(diff)
		}
		if strings.Contains(text, `": null,`+"\n"+`  "`) {
			t.Error("a list is null at the top level")
		}
	}
}

// TestSeedAxis names the axis of the seeds otherwise, and another axis seed.
func TestSeedAxis(t *testing.T) {
	want := must(New(small.results(), Options{Resamples: 200}))(t)
	res := small.results()
	rename := func(from, to string) {
		for i := range res.Sweep.Axes {
			if res.Sweep.Axes[i].Name == from {
				res.Sweep.Axes[i].Name = to
			}
		}
		for _, run := range res.Runs {
			for i := range run.Axes {
				if run.Axes[i].Axis == from {
					run.Axes[i].Axis = to
				}
			}
		}
	}
	rename("seed", "replica")
	rename("rank", "seed")
	got := must(New(res, Options{Resamples: 200}))(t)
	if diff := cmp.Diff([]string{"seed", "data"}, got.Axes); diff != "" {
		t.Error(diff)
	}
	if len(got.Rows) != len(want.Rows) {
		t.Fatalf("%d rows, want %d", len(got.Rows), len(want.Rows))
	}
	for i, w := range got.Rows {
		if diff := cmp.Diff(want.Rows[i].Results, w.Results); diff != "" || w.Planned != want.Rows[i].Planned {
			t.Errorf("row %d: %d planned, %s", i, w.Planned, diff)
		}
	}
}

// TestCode: the footer names what the results were made from, which a later
// plan doesn't change.
func TestCode(t *testing.T) {
	res := small.results()
	res.Sweep.Git = ledger.Git{Commit: digest("later")[:40]}
	made := Code{digest("commit")[:40], true}
	if got := quick(t, res).Footer.Code; !slices.Equal(got, []Code{made}) {
		t.Errorf("code is %v, want %v", got, made)
	}
	res.Runs[1].Attempts[0].Git = res.Sweep.Git
	if got := quick(t, res).Footer.Code; !slices.Equal(got, []Code{made, {res.Sweep.Git.Commit, false}}) {
		t.Errorf("code of two commits is %v", got)
	}
	for i := range res.Runs {
		res.Runs[i].Attempts, res.Runs[i].Result = nil, 0
	}
	if got := quick(t, res).Footer.Code; !slices.Equal(got, []Code{{res.Sweep.Git.Commit, false}}) {
		t.Errorf("code of a plan is %v", got)
	}
}

// TestUnfinishedRows tells rows that rest on a part of their seeds from those that
// rest on none, which have no numbers to speak of.
func TestUnfinishedRows(t *testing.T) {
	res := failed()
	said := func() string {
		for _, w := range quick(t, res).Warnings {
			if w.Kind == WarnUnfinished {
				return w.Message
			}
		}
		return ""
	}
	if got, want := said(), "4 rows without a finished seed"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	whole := small.results()
	last := len(res.Runs) - 1
	res.Runs[last] = whole.Runs[last]
	if got, want := said(), "1 row with unfinished seeds: their numbers are of the finished ones"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestForeignMetrics: a baseline that another sweep measured by more metrics is the
// same run in both, and only what this one measures is in its report.
func TestForeignMetrics(t *testing.T) {
	res := small.results()
	res.Sweep.Settings = json.RawMessage(`{"select": "loss", "measured": [{"name": "loss", "lower_is_better": true}, {"name": "field_f1(medications)"}]}`)
	r := quick(t, res)
	for _, w := range r.Rows {
		if w.JSONValid != nil || w.Invented != nil || w.Mean == nil || w.Loss == nil {
			t.Errorf("row %s has %+v", w.identity(), w)
		}
	}
	var unknown *MetricError
	if _, err := New(res, Options{Metric: "json_valid"}); !errors.As(err, &unknown) || len(unknown.Have) != 2 {
		t.Errorf("compared by json_valid: %v", err)
	}
}
