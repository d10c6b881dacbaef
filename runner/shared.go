package runner

import (
	"context"
	"encoding/json"
	"fmt"

	"daybook/engine"
	"daybook/engine/dataset"
	"daybook/ledger"
	"daybook/sweeps"
)

// A sweep of thousands of runs has few training sets and mostly one way of judging:
// what follows from those alone is worked out once for all the runs that share it.

// trainingSet is what the runs with one subset are trained on.
type trainingSet struct {
	part      *dataset.Partition // that records are drawn from
	records   []int
	examples  []engine.Example
	digest    ledger.Digest
	tokens    int
	truncated []Truncated
}

// trainingSet draws and tokenizes what spec trains on.
func (p *planner) trainingSet(ctx context.Context, base *Base, ds *dataset.Dataset, spec sweeps.Spec) (*trainingSet, error) {
	data, err := json.Marshal(spec.Data)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	key := fmt.Sprint(string(data), "\x00", spec.Base.Model, "\x00", spec.Base.ChatTemplate, "\x00", spec.Train.LossOn, spec.Train.MaxSeqLen, spec.Train.Overlong)
	return p.drawn.get(key, func() (*trainingSet, error) {
		part, records, err := p.draw(ds, spec.Data)
		if err != nil {
			return nil, err
		}
		examples, err := p.encode(ctx, base, ds, records, spec)
		if err != nil {
			return nil, err
		}
		set := &trainingSet{part: part, records: records, examples: examples, digest: ExampleSet(examples)}
		for _, e := range examples {
			set.tokens += len(e.Tokens)
			if e.Truncated > 0 {
				r := &ds.Records[e.Record]
				set.truncated = append(set.truncated, Truncated{Record: r.Name(), File: p.Root.Rel(r.Path()), Line: r.Line, Tokens: e.Truncated})
			}
		}
		return set, nil
	})
}

// judging is how runs are judged, and what they are compared with.
type judging struct {
	evaluation ledger.Digest
	judged     []Judged
	held       []judgedSet
	sets       map[string]ledger.Digest // role to digest
	selecting  int                      // version of the metric that picks the epoch
	against    ledger.Digest            // key of the zero-shot baseline; "" until the baselines are planned
}

// judgedBy is all that a judging follows from. A partition is of one data set.
type judgedBy struct {
	base sweeps.Base
	part *dataset.Partition
	eval string // as JSON
}

// judging prepares the records that spec is judged by.
func (p *planner) judging(base *Base, ds *dataset.Dataset, part *dataset.Partition, spec sweeps.Spec) (*judging, error) {
	eval, err := json.Marshal(spec.Eval)
	if err != nil {
		return nil, fmt.Errorf("eval: %w", err)
	}
	by := judgedBy{spec.Base, part, string(eval)}
	if known, ok := p.judgings[by]; ok {
		return known, nil
	}
	out := &judging{sets: map[string]ledger.Digest{}}
	if out.evaluation, err = EvaluationDigest(spec.Eval); err != nil {
		return nil, err
	}
	for _, held := range []struct {
		split   string
		records []int
	}{{"validation", part.Validation}, {"test", part.Test}} {
		if len(held.records) == 0 {
			continue
		}
		set, err := p.judged(base, ds, spec, held.split, held.records)
		if err != nil {
			return nil, err
		}
		out.judged, out.held = append(out.judged, set.judged), append(out.held, set)
		out.sets[held.split] = set.judged.Set
		if err := p.addSet(base, ds, spec, held.split, set.judged.Set, questionExamples(set.questions)); err != nil {
			return nil, err
		}
	}
	selecting, err := Selecting(spec.Eval)
	if err != nil {
		return nil, err
	}
	out.selecting = selecting.Version()
	p.judgings[by] = out
	return out, nil
}
