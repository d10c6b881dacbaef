package reports

import (
	"fmt"
	"slices"

	"daybook/ledger"
)

// Footer says what the numbers rest on.
type Footer struct {
	Bases       []Base      `json:"bases"`        // under the fine-tunes, or under the baselines if there are none
	Numerics    []string    `json:"numerics"`     // classes: backend, precision and version
	Data        ledger.Data `json:"data"`         // of the sweep's first run
	TestRecords int         `json:"test_records"` // judged
	Resamples   int         `json:"resamples"`
	Seed        uint64      `json:"seed"`       // of the bootstrap
	Confidence  float64     `json:"confidence"` // of intervals
	Code        []Code      `json:"code"`       // that made the results; what the sweep was planned from, if there are none
}

// Code is the state of the repository that runs were made from.
type Code struct {
	Commit string `json:"commit"` // "" outside a repository
	Dirty  bool   `json:"dirty"`  // files had changed since
}

// Base is a frozen model and how its weights are held.
type Base struct {
	Digest       ledger.Digest `json:"digest"`
	Quantization string        `json:"quantization"`
}

// describe fills in the footer.
func (r *Report) describe(res *ledger.Results, o Options) {
	f := Footer{
		Bases: []Base{}, Numerics: []string{}, Resamples: o.Resamples, Seed: o.Seed, Confidence: .95,
		Data: res.Sweep.Data, Code: []Code{},
	}
	trains := slices.ContainsFunc(res.Runs, func(run ledger.RunResult) bool { return run.Kind == ledger.Train })
	for _, run := range res.Runs {
		if (run.Kind == ledger.Train) == trains {
			if b := (Base{run.Base, quantization(run.Spec)}); !slices.Contains(f.Bases, b) {
				f.Bases = append(f.Bases, b)
			}
		}
		if run.Numerics != "" && !slices.Contains(f.Numerics, run.Numerics) {
			f.Numerics = append(f.Numerics, run.Numerics)
		}
		if run.Test != nil {
			f.TestRecords = max(f.TestRecords, run.Test.Records)
		}
		if made := run.Origin(); made != nil {
			f.addCode(made.Git)
		}
	}
	if len(f.Code) == 0 {
		f.addCode(res.Sweep.Git)
	}
	r.Footer = f
}

func (f *Footer) addCode(g ledger.Git) {
	if c := (Code{g.Commit, g.Dirty}); !slices.Contains(f.Code, c) {
		f.Code = append(f.Code, c)
	}
}

// Warning is something that limits what the report shows.
type Warning struct {
	Kind    string `json:"kind"` // stable, one of the Warn constants
	Message string `json:"message"`
}

// Kinds of warnings.
const (
	WarnNoTest       = "no_test"           // nothing was measured on test records
	WarnFewRecords   = "few_records"       // intervals are wide
	WarnSingleSeed   = "single_seed"       // rows with one planned seed
	WarnFewSeeds     = "few_seeds"         // rows whose spread over seeds rests on two
	WarnUnfinished   = "unfinished_seeds"  // rows that lack planned seeds
	WarnNotMeasured  = "not_measured"      // finished runs without a value of the metric
	WarnIncomparable = "incomparable_rows" // judged on other records or by another version of the metric
)

// fewRecords is how many test records a comparison should have: with fewer, the
// interval of a share near a half is wider than ±.10.
const fewRecords = 100

// warn fills in the warnings.
func (r *Report) warn(skipped int) {
	add := func(kind, format string, args ...any) {
		r.Warnings = append(r.Warnings, Warning{kind, fmt.Sprintf(format, args...)})
	}
	var single, two, unfinished, without, unmeasured int
	for _, w := range r.Rows {
		for _, s := range w.Results {
			if s.Value == nil {
				unmeasured++
			}
		}
		if w.Baseline != "" {
			continue
		}
		switch {
		case len(w.Results) == 0:
			without++
		case len(w.Results) < w.Planned:
			unfinished++
		case w.Planned == 1:
			single++
		case w.Planned == 2:
			two++
		}
	}
	n := r.Footer.TestRecords
	if n == 0 {
		add(WarnNoTest, "nothing was measured on test records, so that rows are not compared")
	} else {
		if n < fewRecords {
			add(WarnFewRecords, "only %s: intervals are wide", count(n, "test record"))
		}
		if unmeasured > 0 {
			add(WarnNotMeasured, "%s finished without a value of %s on test records", count(unmeasured, "run"), r.Metric)
		}
	}
	if unfinished > 0 {
		add(WarnUnfinished, "%s with unfinished seeds: their numbers are of the finished ones", count(unfinished, "row"))
	}
	if without > 0 {
		add(WarnUnfinished, "%s without a finished seed", count(without, "row"))
	}
	if single > 0 {
		add(WarnSingleSeed, "%s with a single seed: how much another seed would change is unknown and not in the intervals", count(single, "row"))
	}
	if two > 0 {
		add(WarnFewSeeds, "%s with two seeds: how much another seed would change is known roughly only", count(two, "row"))
	}
	if skipped > 0 {
		add(WarnIncomparable, "%s left out: rows were judged on different records, by different versions of %s, or have too little to score", count(skipped, "comparison"), r.Metric)
	}
}

// count is a number of things in words.
func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}
