package runner

import (
	"context"
	"strconv"

	"daybook/ledger"
)

// bestAlias points at a sweep's best adapter: within the best row, the one of the
// run with the best validation result. The best row is the one that reports mark:
// of the runs that differ in nothing but the seed, those with the best mean. A
// single run can be better by the luck of its seed; best is what to expect of
// settings, and then the best that they gave. Test records have no say in either.
const bestAlias = "best"

// published is a finished run with its adapter's version.
type published struct {
	item    *Item
	adapter ledger.Adapter
}

// markBest points the best alias at the best of the adapters.
func (e *execution) markBest(ctx context.Context, all []published) error {
	metric, seed := "", e.plan.fact.SeedAxis()
	var measured []candidate
	for _, p := range all {
		metric = p.item.Job.Spec.Eval.Select // the same for all runs of a sweep
		values, err := e.metrics(ctx, p.item.Job.Key, p.item, "validation", p.adapter.Epoch)
		if err != nil {
			return err
		}
		if v := values[metric].Value; v != nil {
			measured = append(measured, candidate{p.item.row(seed), *v, p.adapter.Version})
		}
	}
	if len(measured) == 0 {
		return nil
	}
	return e.Ledger.Tag(ctx, ledger.Alias{Sweep: e.plan.Sweep.Name, Alias: bestAlias, Version: bestOf(metric, measured), Time: e.Now().UTC()})
}

// candidate is an adapter that could be the best.
type candidate struct {
	row     string  // what its run shares with those that differ in the seed alone
	value   float64 // of the selection metric on validation
	version int
}

// bestOf returns the best version of the best row; of equal ones the first, as in
// reports.
func bestOf(metric string, all []candidate) (version int) {
	sum, n := map[string]float64{}, map[string]float64{}
	for _, c := range all {
		sum[c.row] += c.value
		n[c.row]++
	}
	mean := func(row string) float64 { return sum[row] / n[row] }
	best := all[0]
	for _, c := range all[1:] {
		if c.row == best.row && better(metric, c.value, best.value) || better(metric, mean(c.row), mean(best.row)) {
			best = c
		}
	}
	return best.version
}

// row names the item's choices on all axes but that of the seeds.
func (i *Item) row(seedAxis string) string {
	name := ""
	for _, c := range i.Axes {
		if c.Axis != seedAxis {
			name += strconv.Quote(c.Label) + " "
		}
	}
	return name
}
