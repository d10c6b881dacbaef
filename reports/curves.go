package reports

import (
	"fmt"
	"slices"
	"strconv"
)

// epochs lays out validation epoch by epoch, so that one can see where another
// epoch starts to hurt: a table for the metric that selected, and one for the
// metric that rows are compared by if that is another. There are none where no
// run has a second epoch.
func (r *Report) epochs() []Table {
	last := 0
	for _, w := range r.Rows {
		for _, p := range w.Curve {
			last = max(last, p.Epoch)
		}
	}
	if last < 2 {
		return nil
	}
	of := []func(p Point) *float64{func(p Point) *float64 { return p.Select }, func(p Point) *float64 { return p.Metric }}
	metrics := []string{r.Select, r.Metric}
	if r.Select == r.Metric {
		metrics = metrics[:1]
	}
	var out []Table
	for i, metric := range metrics {
		measured := slices.ContainsFunc(r.Rows, func(w Row) bool {
			return slices.ContainsFunc(w.Curve, func(p Point) bool { return of[i](p) != nil })
		})
		if measured {
			out = append(out, r.epochTable(metric, of[i]))
		}
	}
	return out
}

func (r *Report) epochTable(metric string, of func(p Point) *float64) Table {
	columns := r.subject()
	last, peaks := 0, map[int]bool{}
	for _, w := range r.Rows {
		for _, p := range w.Curve {
			last = max(last, p.Epoch)
		}
		peaks[r.peak(&w, metric, of)] = true
	}
	for e := 1; e <= last; e++ {
		keep := e // of the plain ones, early epochs are left out first
		if e == 1 || e == last {
			keep += last
		}
		if peaks[e] {
			keep += 2 * last
		}
		columns = append(columns, column{
			Column{Key: fmt.Sprintf("epoch.%d", e), Header: strconv.Itoa(e), Right: true, Keep: keep, Fields: []string{fmt.Sprintf("epoch_%d", e)}},
			func(w *Row) Cell {
				for _, p := range w.Curve {
					if p.Epoch == e {
						c := valueCell{value: of(p), marked: r.peak(w, metric, of) == e}
						if p.Seeds < len(w.Results) {
							c.note = fmt.Sprintf(" (%d/%d)", p.Seeds, len(w.Results))
						}
						return c
					}
				}
				return valueCell{}
			},
		})
	}
	t := Table{Name: "epochs(" + metric + ")", Title: fmt.Sprintf("validation %s by epoch, mean over seeds; * the row's best", metric)}
	return r.lay(t, columns, func(w *Row) bool { return len(w.Curve) > 0 })
}

// peak returns the epoch with the best mean of those that all seeds reached, of
// equal ones the first; 0 if there is none.
func (r *Report) peak(w *Row, metric string, of func(p Point) *float64) int {
	best, at := 0.0, 0
	for _, p := range w.Curve {
		v := of(p)
		if v == nil || p.Seeds < len(w.Results) {
			continue
		}
		if at == 0 || r.better(metric, *v, best) {
			best, at = *v, p.Epoch
		}
	}
	return at
}

// tags lays out the test results by the tags of each field that has more than one.
func (r *Report) tags() []Table {
	values := map[string][]string{}
	var fields []string
	for _, w := range r.Rows {
		for _, t := range w.Tags {
			if values[t.By] == nil {
				fields = append(fields, t.By)
			}
			if !slices.Contains(values[t.By], t.Tag) {
				values[t.By] = append(values[t.By], t.Tag)
			}
		}
	}
	var out []Table
	for _, by := range fields {
		if len(values[by]) < 2 {
			continue
		}
		slices.Sort(values[by])
		columns := r.subject()
		for i, tag := range values[by] {
			columns = append(columns, column{
				Column{Key: "tag." + tag, Header: tag, Right: true, Keep: 100 + len(values[by]) - i, Full: 50, Fields: []string{tag, tag + "_sd"}},
				func(w *Row) Cell {
					for _, t := range w.Tags {
						if t.By == by && t.Tag == tag {
							return scoreCell{t.Mean, t.SD}
						}
					}
					return scoreCell{}
				},
			})
		}
		t := Table{Name: "tags(" + by + ")", Title: fmt.Sprintf("test %s by %s, mean ± sd over seeds", r.Metric, by)}
		out = append(out, r.lay(t, columns, func(w *Row) bool { return len(w.Tags) > 0 }))
	}
	return out
}
