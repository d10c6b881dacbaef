// Package reports turns what the ledger knows of a sweep into one comparison:
// baselines first, then a row for every combination of axes other than the seed's,
// with intervals that say what the held-out records can and can't tell apart.
//
// New computes a Report, which is data; Lay arranges it as tables and notes;
// Render writes those. Numbers are rounded and written out by the last step only.
//
// The package reads ledger results and nothing else: it never sees specs'
// meaning, engines or records, it opens no ledger, and it decides nothing. Which
// epoch and which row are best was settled on validation records before any test
// result is looked at here.
package reports

import (
	"encoding/json"
	"fmt"

	"daybook/ledger"
)

// SchemaVersion is the version of a Report's JSON. Within a version fields are
// only ever added.
const SchemaVersion = 1

// Options say how to compute a report.
type Options struct {
	Metric    string // to compare by: a metric's name, or its kind where that is unique; "" is the sweep's first field F1, else its first that isn't a loss
	Resamples int    // of the bootstrap; 0 means 10,000
	Seed      uint64 // of the bootstrap
}

// Report is a sweep's comparison as data, and the schema of --format json.
// Scores are as measured, unrounded; null is what was not measured.
type Report struct {
	Version       int             `json:"version"` // SchemaVersion
	Sweep         string          `json:"sweep"`
	Axes          []string        `json:"axes"`            // in column order, without that of the seeds
	Metric        string          `json:"metric"`          // rows are compared by, on test records
	LowerIsBetter bool            `json:"lower_is_better"` // direction of Metric
	Select        string          `json:"select"`          // picked the epochs and the best row, on validation records
	Rows          []Row           `json:"rows"`            // baselines first, both in the order of the sweep
	Unfinished    []UnfinishedRun `json:"unfinished"`      // runs without a result
	Warnings      []Warning       `json:"warnings"`
	Footer        Footer          `json:"footer"`

	lower map[string]bool          // metrics of which less is better
	lists func(metric string) bool // whether the sweep measures it
	seed  string                   // axis whose choices are repetitions of one row; "" if there is none
}

// Row is a baseline, or the runs that differ in nothing but their seed.
type Row struct {
	Baseline     string          `json:"baseline"` // such as "zero_shot" or "k_shot(2)"; "" for fine-tunes
	Axes         []ledger.Choice `json:"axes"`     // in column order; axes that the row doesn't have are left out
	Base         ledger.Digest   `json:"base"`
	Quantization string          `json:"quantization"` // how the base's weights are held
	Planned      int             `json:"planned"`      // seeds
	Results      []Result        `json:"results"`      // of the finished ones
	Mean         *float64        `json:"mean"`         // of Metric on test, over seeds
	SD           *float64        `json:"sd"`           // over seeds; null for fewer than two
	Validation   *float64        `json:"validation"`   // mean of Select at the chosen epochs
	Best         bool            `json:"best"`         // the fine-tunes' best Validation

	VersusBaseline *Comparison `json:"versus_baseline"` // with the zero-shot baseline of the same base
	VersusBest     *Comparison `json:"versus_best"`

	Invented  *Ratio     `json:"invented"`   // on test, over all seeds
	JSONValid *float64   `json:"json_valid"` // on test, mean over seeds
	Loss      *float64   `json:"loss"`       // on test, mean over seeds
	Tokens    float64    `json:"tokens"`     // trained on, mean over seeds
	Seconds   float64    `json:"seconds"`    // training with evaluation, mean over seeds
	Bytes     int64      `json:"bytes"`      // of the largest adapter
	Curve     []Point    `json:"curve"`      // on validation, epoch by epoch; empty for baselines
	Tags      []TagScore `json:"tags"`       // Metric on test for each value of the fields in eval.by

	against ledger.Digest       // key of the zero-shot baseline
	keys    []ledger.Digest     // of the planned runs
	runs    []*ledger.RunResult // those of Results
	series  series              // what the bootstrap draws from
}

// Result is one finished run of a row.
type Result struct {
	Run     ledger.Digest `json:"run"`
	Seed    string        `json:"seed"`             // label; "" without that axis
	Epoch   int           `json:"epoch"`            // chosen on validation; 0 for a baseline
	Value   *float64      `json:"value"`            // of Metric on test; null if not measured or nothing to score
	Adapter string        `json:"adapter"`          // such as "clinical@v7"; "" if none is published
	Origin  string        `json:"origin,omitempty"` // merged ledger that the result is from; "" if it was made here
	// Unauthenticated says that the result is from a journal that nobody signed.
	Unauthenticated bool `json:"unauthenticated,omitempty"`
}

// Comparison is the difference of two rows' means: positive if the row's is higher.
type Comparison struct {
	Difference float64 `json:"difference"`
	Low        float64 `json:"low"` // of the 95% interval
	High       float64 `json:"high"`
	P          float64 `json:"p"`          // two-sided
	Adjusted   float64 `json:"p_adjusted"` // by Holm over the rows compared with the same kind of row
}

// Tied reports whether the interval holds zero, so that the two can't be told apart.
func (c Comparison) Tied() bool { return c.Low <= 0 && c.High >= 0 }

// Ratio is a count over a count.
type Ratio struct {
	Num float64 `json:"num"`
	Den float64 `json:"den"`
}

// Point is one epoch of a row's validation curve, as means over seeds.
type Point struct {
	Epoch  int      `json:"epoch"`
	Select *float64 `json:"select"`
	Metric *float64 `json:"metric"`
	Seeds  int      `json:"seeds"` // that reached the epoch
}

// TagScore is Metric on the test records whose field By has the value Tag.
type TagScore struct {
	By   string   `json:"by"`
	Tag  string   `json:"tag"`
	Mean *float64 `json:"mean"`
	SD   *float64 `json:"sd"`
}

// UnfinishedRun is a run that gave no result.
type UnfinishedRun struct {
	Run   ledger.Digest `json:"run"`
	Name  string        `json:"name"` // baseline's name, or axes such as "rank=4 seed=1"
	State ledger.State  `json:"state"`
	Error string        `json:"error"` // first line
}

// New computes the report on a sweep. A sweep without results is a report with
// empty rows. The error is a *MetricError if o.Metric is not the sweep's, else
// about results that make no sense.
func New(res *ledger.Results, o Options) (*Report, error) {
	if o.Resamples <= 0 {
		o.Resamples = 10_000
	}
	r := &Report{Version: SchemaVersion, Sweep: res.Sweep.Name, seed: res.Sweep.SeedAxis(), Axes: []string{}, Unfinished: []UnfinishedRun{}, Warnings: []Warning{}}
	if err := r.chooseMetrics(res, o.Metric); err != nil {
		return nil, fmt.Errorf("report: sweep %s: %w", res.Sweep.Name, err)
	}
	r.group(res)
	for i := range r.Rows {
		if err := r.Rows[i].summarize(r); err != nil {
			return nil, fmt.Errorf("report: sweep %s: %w", res.Sweep.Name, err)
		}
	}
	r.markBest()
	skipped := r.compare(o)
	r.describe(res, o)
	r.warn(skipped)
	return r, nil
}

// markBest marks the fine-tune with the best validation result; of equal ones,
// the first. The test records have no say in it.
func (r *Report) markBest() {
	best := -1
	for i, w := range r.Rows {
		if w.Baseline != "" || w.Validation == nil {
			continue
		}
		if best < 0 || r.better(r.Select, *w.Validation, *r.Rows[best].Validation) {
			best = i
		}
	}
	if best >= 0 {
		r.Rows[best].Best = true
	}
}

// decode reads a JSON column of the ledger; an absent one leaves v as it is.
func decode(what string, data json.RawMessage, v any) error {
	if len(data) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
