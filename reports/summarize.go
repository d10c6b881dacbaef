package reports

import (
	"fmt"
	"math"
	"slices"

	"daybook/ledger"
)

// summarize fills in what a row says by itself.
func (w *Row) summarize(r *Report) error {
	metric, selected, seed := r.Metric, r.Select, r.seed
	var values, chosen, valid, loss []float64
	for _, run := range w.runs {
		result := Result{Run: run.Key, Seed: label(run, seed), Epoch: run.ChosenEpoch, Origin: run.From}
		if made := run.Origin(); made != nil {
			result.Unauthenticated = made.Unauthenticated
		}
		w.Tokens += float64(run.Tokens) / float64(len(w.runs))
		w.Seconds += run.Seconds / float64(len(w.runs))
		if p := run.Published; p != nil {
			w.Bytes = max(w.Bytes, p.Bytes)
			if result.Adapter = p.Name(); run.From != "" {
				result.Adapter = run.From + "/" + result.Adapter
			}
		}
		for _, v := range run.Validation {
			if v.Epoch == run.ChosenEpoch {
				chosen = appendValue(chosen, v.Value(selected, "", ""))
			}
		}
		if t := run.Test; t != nil {
			if err := check(t); err != nil {
				return fmt.Errorf("run %.12s: %w", run.Key, err)
			}
			result.Value = t.Value(metric, "", "")
			values = appendValue(values, result.Value)
			if r.lists("json_valid") {
				valid = appendValue(valid, t.Value("json_valid", "", ""))
			}
			loss = appendValue(loss, t.Value("loss", "", ""))
			w.addInvented(t, metric, r.lists)
		}
		w.Results = append(w.Results, result)
	}
	w.Mean, w.SD = mean(values), sd(values)
	w.Validation, w.JSONValid, w.Loss = mean(chosen), mean(valid), mean(loss)
	if w.Baseline == "" {
		w.curve(metric, selected)
	}
	w.breakDown(metric)
	return nil
}

// check refuses scores that can't be the evaluation's.
func check(t *ledger.Scored) error {
	for _, s := range t.Scores {
		if len(s.Num) != t.Records || len(s.Den) != t.Records {
			return fmt.Errorf("%s: %d and %d scores of %d records", s.Metric, len(s.Num), len(s.Den), t.Records)
		}
	}
	return nil
}

// addInvented counts invented values: those of the list that the metric is
// about if it is about one, else of every list.
func (w *Row) addInvented(t *ledger.Scored, metric string, lists func(string) bool) {
	about := "invented" + metric[len(kindOf(metric)):]
	all := t.Value(about, "", "") == nil
	for _, m := range t.Metrics {
		if m.By != "" || kindOf(m.Metric) != "invented" || !lists(m.Metric) || !all && m.Metric != about {
			continue
		}
		if w.Invented == nil {
			w.Invented = &Ratio{}
		}
		w.Invented.Num += m.Num
		w.Invented.Den += m.Den
	}
}

// curve averages validation results epoch by epoch.
func (w *Row) curve(metric, selected string) {
	type sums struct {
		selected, metric []float64
		seeds            int
	}
	byEpoch := map[int]*sums{}
	var epochs []int
	for _, run := range w.runs {
		for _, v := range run.Validation {
			s := byEpoch[v.Epoch]
			if s == nil {
				s = &sums{}
				byEpoch[v.Epoch] = s
				epochs = append(epochs, v.Epoch)
			}
			s.seeds++
			s.selected = appendValue(s.selected, v.Value(selected, "", ""))
			s.metric = appendValue(s.metric, v.Value(metric, "", ""))
		}
	}
	slices.Sort(epochs)
	for _, e := range epochs {
		s := byEpoch[e]
		w.Curve = append(w.Curve, Point{Epoch: e, Select: mean(s.selected), Metric: mean(s.metric), Seeds: s.seeds})
	}
}

// breakDown averages the metric's test results tag by tag.
func (w *Row) breakDown(metric string) {
	type tag struct{ by, tag string }
	values := map[tag][]float64{}
	var order []tag
	for _, run := range w.runs {
		if run.Test == nil {
			continue
		}
		for _, m := range run.Test.Metrics {
			if m.By == "" || m.Metric != metric {
				continue
			}
			at := tag{m.By, m.Tag}
			if _, ok := values[at]; !ok {
				order = append(order, at)
			}
			values[at] = appendValue(values[at], m.Value)
		}
	}
	for _, at := range order {
		w.Tags = append(w.Tags, TagScore{By: at.by, Tag: at.tag, Mean: mean(values[at]), SD: sd(values[at])})
	}
}

func appendValue(x []float64, v *float64) []float64 {
	if v == nil {
		return x
	}
	return append(x, *v)
}

// mean returns the mean, nil of nothing.
func mean(x []float64) *float64 {
	if len(x) == 0 {
		return nil
	}
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	m := sum / float64(len(x))
	return &m
}

// sd returns the sample standard deviation, nil of fewer than two.
func sd(x []float64) *float64 {
	if len(x) < 2 {
		return nil
	}
	m, sum := *mean(x), 0.0
	for _, v := range x {
		sum += (v - m) * (v - m)
	}
	s := math.Sqrt(sum / float64(len(x)-1))
	return &s
}
