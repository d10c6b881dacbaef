package reports

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"daybook/ledger"
)

func TestHolm(t *testing.T) {
	for _, c := range []struct{ p, want []float64 }{
		{nil, nil},
		{[]float64{.04}, []float64{.04}},
		// .005·4, .01·3, .03·2, then .04·1, which may not fall below .06.
		{[]float64{.01, .04, .03, .005}, []float64{.03, .06, .06, .02}},
		{[]float64{.5, .6}, []float64{1, 1}},
		{[]float64{.02, .02, .02}, []float64{.06, .06, .06}},
	} {
		family := []*Comparison{nil}
		for _, p := range c.p {
			family = append(family, &Comparison{P: p}, nil)
		}
		holm(family)
		var got []float64
		for _, x := range family {
			if x != nil {
				got = append(got, x.Adjusted)
			}
		}
		if diff := gocmp.Diff(c.want, got, cmpopts.EquateApprox(0, 1e-12)); diff != "" {
			t.Errorf("%v: %s", c.p, diff)
		}
	}
}

func TestHolmProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SliceOf(rapid.Float64Range(0, 1)).Draw(t, "p")
		var family []*Comparison
		for _, v := range p {
			family = append(family, &Comparison{P: v})
		}
		holm(family)
		for _, a := range family {
			if a.Adjusted < a.P || a.Adjusted > 1 || a.Adjusted > a.P*float64(len(p)) && a.Adjusted != 1 && a.P == slices.Min(p) {
				t.Fatalf("%g of %d became %g", a.P, len(p), a.Adjusted)
			}
			for _, b := range family {
				if a.P < b.P && a.Adjusted > b.Adjusted {
					t.Fatalf("%g and %g became %g and %g", a.P, b.P, a.Adjusted, b.Adjusted)
				}
			}
		}
	})
}

// small is enough to compare and quick.
var small = study{records: 40, ranks: []int{4, 16}, data: []string{"clean", "noisy"}, seeds: 3, epochs: 2, shots: true}

// byIdentity sorts rows so that two reports can be compared whatever their order.
func byIdentity(r *Report) []Row {
	rows := slices.Clone(r.Rows)
	slices.SortFunc(rows, func(a, b Row) int { return cmp.Compare(a.identity(), b.identity()) })
	for i := range rows {
		rows[i].Axes = slices.Clone(rows[i].Axes)
		slices.SortFunc(rows[i].Axes, func(a, b ledger.Choice) int { return cmp.Compare(a.Axis, b.Axis) })
	}
	return rows
}

var exported = cmpopts.IgnoreUnexported(Report{}, Row{})

func TestAxisOrderDoesNotMatter(t *testing.T) {
	want := byIdentity(quick(t, small.results()))
	rapid.Check(t, func(t *rapid.T) {
		res := small.results()
		axes := rapid.Permutation(res.Sweep.Axes).Draw(t, "axes")
		res.Sweep.Axes = axes
		place := func(name string) int {
			return slices.IndexFunc(axes, func(a ledger.Axis) bool { return a.Name == name })
		}
		for i := range res.Runs {
			slices.SortFunc(res.Runs[i].Axes, func(a, b ledger.Choice) int {
				return place(a.Axis) - place(b.Axis)
			})
		}
		res.Runs = rapid.Permutation(res.Runs).Draw(t, "runs")
		r, err := New(res, Options{Resamples: 500})
		if err != nil {
			t.Fatal(err)
		}
		if r.Rows[0].Baseline == "" || r.Rows[2].Baseline == "" || r.Rows[3].Baseline != "" {
			t.Fatal("baselines don't come first")
		}
		if diff := gocmp.Diff(want, byIdentity(r), exported); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestRecordOrderDoesNotMatter(t *testing.T) {
	options := Options{Resamples: 4000}
	want := must(New(small.results(), options))(t)
	random := rand.New(rand.NewPCG(7, 8))
	for range 5 {
		res := small.results()
		order := random.Perm(small.records)
		for i := range res.Runs {
			for j := range res.Runs[i].Test.Scores {
				s := &res.Runs[i].Test.Scores[j]
				num, den := slices.Clone(s.Num), slices.Clone(s.Den)
				for to, from := range order {
					s.Num[to], s.Den[to] = num[from], den[from]
				}
			}
		}
		got := must(New(res, options))(t)
		for i, w := range want.Rows {
			x, y := w.VersusBaseline, got.Rows[i].VersusBaseline
			if x == nil {
				continue
			}
			// Other draws of the same records: only their chance may differ.
			if x.Difference != y.Difference || math.Abs(x.Low-y.Low) > .015 || math.Abs(x.High-y.High) > .015 || math.Abs(x.P-y.P) > .03 {
				t.Errorf("row %d: %+v became %+v", i, *x, *y)
			}
		}
	}
}

func TestOtherRowsDoNotMatter(t *testing.T) {
	all := quick(t, small.results())
	res := small.results()
	res.Runs = slices.DeleteFunc(res.Runs, func(run ledger.RunResult) bool {
		return run.Name == "k_shot(2)" || label(&run, "data") == "noisy"
	})
	some := byIdentity(quick(t, res))
	for _, w := range some {
		i := slices.IndexFunc(all.Rows, func(x Row) bool { return x.identity() == w.identity() })
		was, is := all.Rows[i].VersusBaseline, w.VersusBaseline
		if (was == nil) != (is == nil) {
			t.Fatalf("%s: compared in one of two", w.identity())
		}
		if is != nil && (was.Low != is.Low || was.High != is.High || was.P != is.P) {
			t.Errorf("%s: %+v became %+v", w.identity(), *was, *is)
		}
	}
}

func TestSeedOfBootstrap(t *testing.T) {
	of := func(o Options) []byte { return must(json.Marshal(must(New(small.results(), o))(t)))(t) }
	a, b := of(Options{Resamples: 300, Seed: 1}), of(Options{Resamples: 300, Seed: 1})
	if string(a) != string(b) {
		t.Error("the same seed gives another report")
	}
	if c := of(Options{Resamples: 300, Seed: 2}); string(a) == string(c) {
		t.Error("another seed gives the same draws")
	}
}

func TestDifferencesAreOfMeans(t *testing.T) {
	r := quick(t, small.results())
	for _, w := range r.Rows {
		if c := w.VersusBaseline; c != nil {
			if c.Difference != *w.Mean-*r.Rows[0].Mean || c.Low > c.Difference || c.High < c.Difference {
				t.Errorf("%s: %+v", w.identity(), *c)
			}
		}
		if (w.VersusBest == nil) != w.Best || (w.VersusBaseline == nil) != (w.Baseline == zeroShot) {
			t.Errorf("%s: compared with itself", w.identity())
		}
	}
}

func TestBaselineOfItsBase(t *testing.T) {
	res := small.results()
	other := small.results()
	for i := range other.Runs { // the same on another base, whose scores are all zero at first
		run := &other.Runs[i]
		run.Key, run.Base = digest("other"+run.Key), digest("other base")
		if run.Kind == ledger.Train {
			run.Against = digest("other" + digest("zero_shot"))
			run.Axes = append(run.Axes, ledger.Choice{Axis: "base", Label: "other"})
		} else {
			for j := range run.Test.Metrics {
				zero := 0.0
				run.Test.Metrics[j].Value, run.Test.Metrics[j].Num = &zero, 0
			}
			for j := range run.Test.Scores {
				clear(run.Test.Scores[j].Num)
			}
		}
	}
	res.Sweep.Axes = append(res.Sweep.Axes, ledger.Axis{Name: "base", Path: "base.model"})
	res.Runs = append(res.Runs, other.Runs...)
	r := quick(t, res)
	for _, w := range r.Rows {
		if w.Baseline == "" && w.Base == digest("other base") && w.VersusBaseline.Difference != *w.Mean {
			t.Errorf("%s: compared with another base's baseline", w.identity())
		}
	}
	if c := r.Rows[4].VersusBaseline; r.Rows[4].Baseline != "k_shot(2)" || c == nil || c.Difference != 0 {
		t.Errorf("%s of the other base: %+v", r.Rows[4].Baseline, c)
	}
	names := map[string]bool{}
	for i := range r.Rows {
		if r.Rows[i].Baseline != "" {
			names[r.subjectName(&r.Rows[i])] = true
		}
	}
	if len(names) != 6 {
		t.Errorf("baselines of two bases are told apart as %v", names)
	}
}

func TestIncomparable(t *testing.T) {
	list := func(run *ledger.RunResult) { run.Test.List = digest("other list") }
	version := func(run *ledger.RunResult) { run.Test.Score(f1).Version++ }
	scores := func(run *ledger.RunResult) { run.Test.Scores = nil }
	for name, c := range map[string]struct {
		seeds int // that are unlike the other rows
		spoil func(run *ledger.RunResult)
	}{
		"a seed's records": {1, list}, "a row's records": {3, list},
		"a seed's version": {1, version}, "a row's version": {3, version},
		"a seed's scores": {1, scores}, "a row's scores": {3, scores},
	} {
		t.Run(name, func(t *testing.T) {
			res := small.results()
			for i := range c.seeds {
				c.spoil(&res.Runs[3+i]) // of the first fine-tune
			}
			r := quick(t, res)
			if w := r.Rows[3]; w.VersusBaseline != nil || w.VersusBest != nil || w.Mean == nil {
				t.Errorf("compared: %+v", w)
			}
			if r.Rows[4].VersusBaseline == nil {
				t.Error("others are not compared any more")
			}
			if !warns(r, WarnIncomparable) {
				t.Errorf("no warning in %v", r.Warnings)
			}
		})
	}
}

func warns(r *Report, kind string) bool {
	return slices.ContainsFunc(r.Warnings, func(w Warning) bool { return w.Kind == kind })
}

func ExampleComparison_Tied() {
	fmt.Println(Comparison{Low: -.01, High: .03}.Tied(), Comparison{Low: .01, High: .03}.Tied())
	// Output: true false
}
