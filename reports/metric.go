package reports

import (
	"fmt"
	"slices"
	"strings"

	"daybook/ledger"
)

// settings is what a report reads of a sweep's evaluation settings.
type settings struct {
	Select   string `json:"select"`
	Measured []struct {
		Name          string `json:"name"` // as evaluations have it
		LowerIsBetter bool   `json:"lower_is_better"`
	} `json:"measured"`
}

// kindOf returns a metric's kind: "field_f1" of "field_f1(medications)".
func kindOf(metric string) string {
	kind, _, _ := strings.Cut(metric, "(")
	return kind
}

// ofKind returns the metrics of a kind.
func ofKind(names []string, kind string) []string {
	var out []string
	for _, n := range names {
		if kindOf(n) == kind {
			out = append(out, n)
		}
	}
	return out
}

// chooseMetrics settles what rows are compared by and what selected epochs.
func (r *Report) chooseMetrics(res *ledger.Results, asked string) error {
	var set settings
	if err := decode("settings", res.Sweep.Settings, &set); err != nil {
		return err
	}
	r.lower = map[string]bool{"loss": true} // measured by every sweep
	var names []string
	for _, m := range set.Measured {
		names = append(names, m.Name)
		r.lower[m.Name] = m.LowerIsBetter
	}
	// The loss is measured without being asked for. What another sweep measured of a
	// baseline that both have is no result of this one; a sweep that doesn't say what
	// it measures has all there is.
	r.lists = func(metric string) bool {
		_, listed := r.lower[metric]
		return listed || len(set.Measured) == 0
	}
	for _, run := range res.Runs {
		for _, e := range run.Validation {
			names = r.addMeasured(names, e)
		}
		if run.Test != nil {
			names = r.addMeasured(names, run.Test.Evaluation)
		}
	}
	r.Select = set.Select
	if r.Select == "" {
		r.Select = "loss"
	}
	r.Metric = primary(names)
	if asked != "" {
		same := ofKind(names, asked)
		switch {
		case slices.Contains(names, asked):
			r.Metric = asked
		case len(same) == 1:
			r.Metric = same[0]
		default:
			return &MetricError{Metric: asked, Have: names, Ambiguous: len(same) > 1}
		}
	}
	r.LowerIsBetter = r.lower[r.Metric]
	return nil
}

func (r *Report) addMeasured(names []string, e ledger.Evaluation) []string {
	for _, m := range e.Metrics {
		if r.lists(m.Metric) && !slices.Contains(names, m.Metric) {
			names = append(names, m.Metric)
		}
	}
	return names
}

// primary picks the metric that rows are compared by if nobody says: a field F1,
// because it is what extraction is for, else the first that is not a loss.
func primary(names []string) string {
	if f1 := ofKind(names, "field_f1"); len(f1) > 0 {
		return f1[0]
	}
	for _, n := range names {
		if kind := kindOf(n); kind != "loss" && kind != "perplexity" {
			return n
		}
	}
	return "loss"
}

// better reports whether a is a better value of the metric than b.
func (r *Report) better(metric string, a, b float64) bool {
	if r.lower[metric] {
		return a < b
	}
	return a > b
}

// MetricError reports a metric that the sweep doesn't have, or has several of.
type MetricError struct {
	Metric    string
	Have      []string
	Ambiguous bool
}

func (e *MetricError) Error() string {
	if e.Ambiguous {
		return fmt.Sprintf("metric %s: there are several", e.Metric)
	}
	return fmt.Sprintf("metric %s: not measured", e.Metric)
}

// Hint says which metrics there are.
func (e *MetricError) Hint() string {
	if len(e.Have) == 0 {
		return "the sweep measures none"
	}
	return "there are " + strings.Join(e.Have, ", ")
}
