package reports

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"daybook/ledger"
)

// group sorts runs into rows: baselines first, then fine-tunes, both in the
// order of the sweep.
func (r *Report) group(res *ledger.Results) {
	for _, a := range res.Sweep.Axes {
		if a.Name != r.seed {
			r.Axes = append(r.Axes, a.Name)
		}
	}
	r.Rows = []Row{}
	index := map[string]int{}
	for _, baselines := range []bool{true, false} {
		for i := range res.Runs {
			run := &res.Runs[i]
			if (run.Kind != ledger.Train) != baselines {
				continue
			}
			row := r.rowOf(run)
			id := row.identity()
			if baselines {
				id = run.Key // one name may be measured on several bases
			}
			at, ok := index[id]
			if !ok {
				at = len(r.Rows)
				index[id] = at
				r.Rows = append(r.Rows, row)
			}
			r.Rows[at].add(run)
			if !hasResult(run) {
				what, _, _ := strings.Cut(run.Error, "\n")
				r.Unfinished = append(r.Unfinished, UnfinishedRun{run.Key, runName(run), run.State, what})
			}
		}
	}
	for i := range r.Rows {
		r.Rows[i].sortRuns(r.seed)
	}
}

// hasResult reports whether a run gave what it was planned for. A baseline that
// is being measured again keeps its earlier result.
func hasResult(run *ledger.RunResult) bool {
	return run.State == ledger.Done || run.Kind != ledger.Train && run.Test != nil
}

// rowOf makes the empty row that a run belongs to.
func (r *Report) rowOf(run *ledger.RunResult) Row {
	row := Row{
		Axes: []ledger.Choice{}, Results: []Result{}, Curve: []Point{}, Tags: []TagScore{},
		Base: run.Base, Quantization: quantization(run.Spec), against: run.Against,
	}
	if run.Kind != ledger.Train {
		row.Baseline = run.Name
		return row
	}
	for _, axis := range r.Axes {
		for _, c := range run.Axes {
			if c.Axis == axis {
				row.Axes = append(row.Axes, c)
			}
		}
	}
	for _, c := range run.Axes { // axes that the sweep doesn't list come last
		if c.Axis != r.seed && !slices.Contains(r.Axes, c.Axis) {
			row.Axes = append(row.Axes, c)
		}
	}
	return row
}

// identity names a row whatever the order of its axes.
func (w *Row) identity() string {
	if w.Baseline != "" {
		return w.Baseline
	}
	parts := make([]string, len(w.Axes))
	for i, c := range w.Axes {
		parts[i] = fmt.Sprintf("%q=%q", c.Axis, c.Label)
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

func (w *Row) add(run *ledger.RunResult) {
	w.Planned++
	w.keys = append(w.keys, run.Key)
	if hasResult(run) {
		w.runs = append(w.runs, run)
	}
}

// sortRuns puts runs in an order that doesn't depend on the sweep's, so that the
// bootstrap draws the same seeds however the axes are written.
func (w *Row) sortRuns(seed string) {
	slices.SortStableFunc(w.runs, func(a, b *ledger.RunResult) int {
		x, y := label(a, seed), label(b, seed)
		if len(x) != len(y) {
			return len(x) - len(y) // 9 before 10
		}
		return strings.Compare(x, y)
	})
}

// label returns a run's choice on an axis.
func label(run *ledger.RunResult, axis string) string {
	for _, c := range run.Axes {
		if c.Axis == axis {
			return c.Label
		}
	}
	return ""
}

// runName is a run in words.
func runName(run *ledger.RunResult) string {
	if run.Kind != ledger.Train {
		return run.Name
	}
	return ledger.Label(run.Axes)
}

// quantization reads from a spec how the base's weights are held.
func quantization(spec json.RawMessage) string {
	var s struct {
		Base struct {
			Quantization string `json:"quantization"`
			DoubleQuant  bool   `json:"double_quant"`
		} `json:"base"`
	}
	if err := decode("spec", spec, &s); err != nil || s.Base.Quantization == "" {
		return "unknown" // a spec of another version; the numbers stand without it
	}
	if s.Base.DoubleQuant && s.Base.Quantization != "none" {
		return s.Base.Quantization + " double-quantized"
	}
	return s.Base.Quantization
}
