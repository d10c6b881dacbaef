package runner

import (
	"context"
	"fmt"

	"daybook/engine/dataset"
	"daybook/ledger"
	"daybook/sweeps"
)

// addBaselines plans the measurements of the base that a run is compared with,
// unless an earlier run already asked for them. It returns the key of the
// zero-shot baseline.
func (p *planner) addBaselines(ctx context.Context, run *Item, base *Base, ds *dataset.Dataset, part *dataset.Partition) (zero ledger.Digest, err error) {
	spec := run.Job.Spec
	asked := append([]sweeps.Baseline{{Kind: zeroShot}}, spec.Eval.Baselines...)
	for _, b := range asked {
		item := &Item{Position: len(p.plan.Items), evaluation: run.evaluation, Selected: true, sets: map[string]ledger.Digest{}}
		for role, digest := range run.sets {
			if role != "train" {
				item.sets[role] = digest
			}
		}
		item.held, item.data, item.base = run.held, run.data, run.base
		j := &item.Job
		*j = run.Job
		j.Kind, j.Key, j.Train, j.Initial, j.Baseline, j.Name = ledger.Evaluate, "", nil, nil, b.Label(), b.Label()
		j.Inputs.Train = ""
		switch b.Kind {
		case unquantized:
			if spec.Base.Quantization == "none" {
				continue // the zero-shot baseline is this one already
			}
			j.Spec.Base.Quantization, j.Spec.Base.DoubleQuant = "none", false
			if err := possible(base, j.Spec.Base); err != nil {
				return "", WithHint(fmt.Errorf("eval.baselines: unquantized: %w", err), "leave the baseline out: there is no such base")
			}
		case "k_shot":
			shots, err := dataset.Select(ds, part.Train, dataset.Selector{Op: "take", Count: b.Shots, Seed: b.Seed, Where: spec.Data.Validation.Where})
			if err != nil {
				return "", fmt.Errorf("eval.baselines: k_shot: %w", err)
			}
			// As the base reads them, whatever the run makes of such records in training.
			examples, err := TrainingExamples(base, ds, shots, sweeps.Train{LossOn: "assistant", MaxSeqLen: base.Shape().MaxPositions})
			if err != nil {
				return "", err
			}
			j.Shots = shots
			j.Inputs.Train = ExampleSet(examples)
		case adapterKind:
			if j.Adapter, err = p.givenBaseline(ctx, base, b); err != nil {
				return "", err
			}
		}
		if j.Key, err = baselineKey(j, run.evaluation); err != nil {
			return "", err
		}
		if b.Kind == zeroShot && zero == "" {
			zero = j.Key
		}
		if p.planned[j.Key] {
			continue
		}
		for _, held := range run.held {
			if len(j.Shots) == 0 {
				break // the questions alone have been made already
			}
			if _, err := Questions(base, ds, held.judged.Records, j.Shots); err != nil {
				return "", fmt.Errorf("eval.baselines: k_shot: %w", err)
			}
		}
		p.planned[j.Key] = true
		p.plan.Items = append(p.plan.Items, item)
	}
	return zero, nil
}
