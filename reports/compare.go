package reports

import (
	"cmp"
	"slices"

	"daybook/ledger"
)

// judged tells what a row's scores can be compared with: the same list of
// records, scored by the same version of the metric.
type judged struct {
	list    ledger.Digest
	version int
}

// compare fills in the differences of rows to the zero-shot baseline and to the
// best row. It returns how many rows with a value could not be compared, because
// they were judged on other records or by another version of the metric.
func (r *Report) compare(o Options) (skipped int) {
	on := make([]judged, len(r.Rows))
	values := make([][]float64, len(r.Rows))
	groups := map[judged][]int{}
	var order []judged
	for i := range r.Rows {
		var samples []sample
		samples, on[i] = r.Rows[i].samples(r.Metric)
		if len(samples) == 0 {
			continue
		}
		if groups[on[i]] == nil {
			order = append(order, on[i])
		}
		groups[on[i]] = append(groups[on[i]], i)
		r.Rows[i].series = series{name: r.Rows[i].identity(), samples: samples}
	}
	for _, g := range order {
		rows := make([]series, len(groups[g]))
		for j, i := range groups[g] {
			rows[j] = r.Rows[i].series
		}
		drawn := resample(rows, len(rows[0].samples[0].num), o.Resamples, o.Seed, kindOf(r.Metric) == "perplexity")
		for j, i := range groups[g] {
			values[i] = drawn[j]
		}
	}
	versus := func(i, j int) *Comparison {
		if i == j || j < 0 || r.Rows[i].Mean == nil || r.Rows[j].Mean == nil {
			return nil
		}
		c := Comparison{Difference: *r.Rows[i].Mean - *r.Rows[j].Mean}
		ok := values[i] != nil && values[j] != nil && on[i] == on[j]
		if ok {
			c.Low, c.High, c.P, ok = interval(values[i], values[j])
		}
		if !ok {
			skipped++
			return nil
		}
		c.Adjusted = c.P
		return &c
	}
	best := slices.IndexFunc(r.Rows, func(w Row) bool { return w.Best })
	var withBaseline, withBest []*Comparison
	for i := range r.Rows {
		w := &r.Rows[i]
		w.VersusBaseline = versus(i, r.baselineOf(w))
		w.VersusBest = versus(i, best)
		withBaseline, withBest = append(withBaseline, w.VersusBaseline), append(withBest, w.VersusBest)
	}
	holm(withBaseline)
	holm(withBest)
	return skipped
}

// baselineOf returns the index of the zero-shot baseline that a row is compared
// with: the planned one, or for a baseline the one of the same base. -1 if there
// is none.
func (r *Report) baselineOf(w *Row) int {
	return slices.IndexFunc(r.Rows, func(z Row) bool {
		if w.against != "" {
			return slices.Contains(z.keys, w.against)
		}
		return z.Baseline == zeroShot && z.Base == w.Base
	})
}

// zeroShot is the baseline that every row is compared with.
const zeroShot = "zero_shot"

// samples returns the per-record scores of a row's runs, nil if they can't be
// taken together.
func (w *Row) samples(metric string) (out []sample, on judged) {
	for _, run := range w.runs {
		if run.Test == nil || run.Test.Value(metric, "", "") == nil {
			continue
		}
		c := run.Test.Score(metric)
		if c == nil || run.Test.Records == 0 {
			return nil, judged{}
		}
		this := judged{run.Test.List, c.Version}
		if len(out) > 0 && this != on {
			return nil, judged{}
		}
		on = this
		out = append(out, sample{c.Num, c.Den})
	}
	return out, on
}

// holm adjusts the p-values of one family of comparisons, which may hold nils
// (Holm 1979): the i-th smallest of m, from 0, is multiplied by m-i, and none may
// be below a smaller one.
func holm(comparisons []*Comparison) {
	family := slices.DeleteFunc(slices.Clone(comparisons), func(c *Comparison) bool { return c == nil })
	slices.SortStableFunc(family, func(a, b *Comparison) int { return cmp.Compare(a.P, b.P) })
	worst := 0.0
	for i, c := range family {
		worst = max(worst, min(1, c.P*float64(len(family)-i)))
		c.Adjusted = worst
	}
}
