package runner

import (
	"context"
	"fmt"
	"slices"

	"daybook/engine"
	"daybook/ledger"
)

// Sizes of training sets below which a result deserves a warning: field
// experience with supervised fine-tuning of extraction tasks.
const (
	fewRecords  = 100 // rarely helps
	someRecords = 500 // varies between seeds
)

// warn adds the warnings that need the data to those of the specs.
func (p *planner) warn() {
	for _, w := range p.sweep.Warnings {
		p.plan.Warnings = append(p.plan.Warnings, w.Message)
	}
	if n := p.plan.Data.Leaked; n > 0 {
		p.plan.Warnings = append(p.plan.Warnings, fmt.Sprintf("data.split: %d held-out records have a twin in training, which flatters every score; the split by content has none", n))
	}
	p.warnOfRanks()
	advice := ""
	if p.plan.fact.SeedAxis() == "" {
		advice = ", so run several"
	}
	sizes := map[ledger.Digest]bool{}
	for _, item := range p.plan.Items {
		if item.Job.Kind != ledger.Train || sizes[item.Job.Inputs.Train] {
			continue
		}
		sizes[item.Job.Inputs.Train] = true
		name := p.subsetName(item)
		switch n := item.Examples; {
		case n < fewRecords:
			p.plan.Warnings = append(p.plan.Warnings, fmt.Sprintf("%s: %d training records; under %d rarely helps", name, n, fewRecords))
		case n < someRecords:
			p.plan.Warnings = append(p.plan.Warnings, fmt.Sprintf("%s: %d training records; under %d varies between seeds%s", name, n, someRecords, advice))
		}
		if n := len(item.Truncated); n > 0 {
			t := item.Truncated[0]
			p.plan.Warnings = append(p.plan.Warnings, fmt.Sprintf("%s: max_seq_len %d truncates %d records, the first at %s:%d (%s, %d tokens cut)",
				name, item.Job.Spec.Train.MaxSeqLen, n, t.File, t.Line, t.Record, t.Tokens))
		}
	}
}

// warnOfForgotten tells of sets that hold a record which was forgotten: who runs the
// plan trains on it, or is judged on it, and has the ledger keep its identifiers again.
func (p *planner) warnOfForgotten(ctx context.Context) error {
	if p.Ledger == nil {
		return nil
	}
	for _, s := range p.plan.sets {
		lost, err := p.Ledger.Unrepeatable(ctx, ledger.PlannedRun{TrainSet: s.digest})
		if err != nil {
			return err
		}
		for _, v := range lost {
			if v.Fact.Role == s.role {
				p.plan.Warnings = append(p.plan.Warnings, fmt.Sprintf("the %s set %.12s holds a record that was forgotten (entry %d): take it out of the data, or the ledger keeps its identifiers again", s.role, s.digest, v.Entry))
			}
		}
	}
	return nil
}

// warnOfRanks tells of ranks that no adapted layer can have: the product of LoRA's two
// matrices has at most the rank of the smaller side of its weight.
func (p *planner) warnOfRanks() {
	seen := map[string]bool{}
	for _, item := range p.plan.Items {
		if item.Job.Kind != ledger.Train {
			continue
		}
		widest := 0
		for _, name := range item.Job.Spec.Train.LoRA.Targets {
			if target, ok := engine.ParseProjection(name); ok {
				rows, cols := target.Dims(item.base.Shape())
				widest = max(widest, min(rows, cols))
			}
		}
		rank := item.Job.Spec.Train.LoRA.Rank
		message := fmt.Sprintf("train.lora.rank %d is above %d, the rank of the widest layer that it adapts: the rest takes memory and learns nothing", rank, widest)
		if rank > widest && !seen[message] {
			seen[message] = true
			p.plan.Warnings = append(p.plan.Warnings, message)
		}
	}
}

// subsetName names a training set: by the choice on the axis of subsets if there
// is one, else by its first run, unless every run has the same.
func (p *planner) subsetName(item *Item) string {
	for _, c := range item.Axes {
		if slices.Contains(p.plan.fact.Axes, ledger.Axis{Name: c.Axis, Path: "data.subset"}) {
			return c.Axis + "=" + c.Label
		}
	}
	if slices.ContainsFunc(p.plan.Items, func(other *Item) bool {
		return other.Job.Kind == ledger.Train && other.Job.Inputs.Train != item.Job.Inputs.Train
	}) {
		return item.Job.Name
	}
	return "every run"
}
