package runner

import (
	"cmp"
	"fmt"
	"slices"

	"daybook/ledger"
)

// order sorts the items of both phases so that those that share a base come one after
// the other, which a worker then loads once: training runs in the order in which their
// bases first appear, and baselines in the opposite one, so that the base of the last
// is that of the first run. Otherwise items stay as they were planned. Baselines of
// bases that nothing is trained on, as the unquantized one, come before the others.
func order(baselines, runs []*Item) {
	groups := map[string]int{}
	for _, item := range slices.Concat(runs, baselines) {
		if key := item.Job.loads(); groups[key] == 0 {
			groups[key] = len(groups) + 1
		}
	}
	group := func(item *Item) int { return groups[item.Job.loads()] }
	slices.SortStableFunc(runs, func(a, b *Item) int { return cmp.Compare(group(a), group(b)) })
	slices.SortStableFunc(baselines, func(a, b *Item) int { return cmp.Compare(group(b), group(a)) })
}

// loads names what a worker has on a device for a job: jobs of the same share it.
func (j *Job) loads() string {
	return fmt.Sprint(j.Inputs.Base, j.Spec.Base.Quantization, j.Spec.Base.DoubleQuant, j.Hosted())
}

// todo returns what is to be done of the selected items, by phase, and how many are
// done already.
func (p *Plan) todo(again bool) (baselines, runs []*Item, done int) {
	for _, item := range p.Items {
		switch {
		case !item.Todo(again):
			if item.Selected {
				done++
			}
		case item.Job.Kind == ledger.Train:
			runs = append(runs, item)
		default:
			baselines = append(baselines, item)
		}
	}
	order(baselines, runs)
	return baselines, runs, done
}
