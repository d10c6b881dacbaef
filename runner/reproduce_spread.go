package runner

import (
	"context"
	"math"

	"daybook/ledger"
	"daybook/ledger/journal"
)

// compareSpread judges a reproduction whose bytes can't be compared, because it was
// computed in another numerics class or on another model of GPU. Rounding then
// leads each step a little astray, as another seed would by more. So what a metric
// of the chosen epoch may differ by is what two runs of the sweep differ by that
// have all but the seed in common: the largest such difference there is.
func (t *retraining) compareSpread(ctx context.Context, f *ledger.Reproduction) error {
	results, err := t.Ledger.Results(ctx, t.Run.SweepID)
	if err != nil {
		return err
	}
	seed := results.Sweep.SeedAxis()
	rows := map[string][]map[scoreName]float64{}
	var was map[scoreName]float64
	for i := range results.Runs {
		run := &results.Runs[i]
		if run.Kind != ledger.Train || run.State != ledger.Done {
			continue
		}
		values := chosenValues(run)
		row := (&Item{Axes: run.Axes}).row(seed)
		rows[row] = append(rows[row], values)
		if run.Key == t.Run.Key {
			was = values
		}
	}
	spread, pairs := seedDifferences(rows)
	f.Outcome = ledger.Unjudged
	for _, e := range t.evaluated {
		if e.Epoch != t.finished.ChosenEpoch {
			continue
		}
		for _, m := range e.Metrics {
			name := scoreName{e.Split, m.Metric}
			before, ok := was[name]
			if m.By != "" || m.Value == nil || !ok {
				continue
			}
			s := ledger.Spread{Split: e.Split, Metric: m.Metric, Was: before, Is: *m.Value, Seeds: spread[name], Pairs: pairs[name]}
			f.Spread = append(f.Spread, s)
			switch {
			case s.Pairs == 0:
			case math.Abs(s.Is-s.Was) > s.Seeds:
				f.Outcome = ledger.Beyond
			case f.Outcome == ledger.Unjudged:
				f.Outcome = ledger.Within
			}
		}
	}
	return nil
}

// scoreName is a metric over all of a set.
type scoreName struct{ split, metric string }

// chosenValues returns the metrics of a run's chosen epoch.
func chosenValues(run *ledger.RunResult) map[scoreName]float64 {
	out := map[scoreName]float64{}
	add := func(split string, metrics []journal.MetricValue) {
		for _, m := range metrics {
			if m.By == "" && m.Value != nil {
				out[scoreName{split, m.Metric}] = *m.Value
			}
		}
	}
	for _, e := range run.Validation {
		if e.Epoch == run.ChosenEpoch {
			add(e.Split, e.Metrics)
		}
	}
	if run.Test != nil {
		add(run.Test.Split, run.Test.Metrics)
	}
	return out
}

// seedDifferences returns, of each metric, the largest difference between two runs
// of one row, and how many pairs of runs there are.
func seedDifferences(rows map[string][]map[scoreName]float64) (largest map[scoreName]float64, pairs map[scoreName]int) {
	largest, pairs = map[scoreName]float64{}, map[scoreName]int{}
	for _, runs := range rows {
		for i := range runs {
			for j := range i {
				for name, a := range runs[i] {
					if b, ok := runs[j][name]; ok {
						largest[name] = max(largest[name], math.Abs(a-b))
						pairs[name]++
					}
				}
			}
		}
	}
	return largest, pairs
}
