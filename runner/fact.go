package runner

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"

	"daybook/ledger"
	"daybook/ledger/store"
	"daybook/sweeps"
)

// describe builds the facts that the ledger gets when the plan is run.
func (p *planner) describe(ctx context.Context) error {
	git, tree, err := inspectGit(ctx, p.Root, p.sweep.Dir)
	if err != nil {
		return err
	}
	if p.plan.changes, err = p.describeChanges(ctx, &git, tree); err != nil {
		return err
	}
	f := ledger.Sweep{
		Name: p.sweep.Name, Path: p.Root.Rel(p.sweep.Path), Digest: p.sweep.Digest, Data: p.plan.Data, Git: git, Environment: environment(),
	}
	for _, s := range p.sweep.Sources {
		f.Sources = append(f.Sources, ledger.Source{Path: s.Path, Digest: s.SHA256})
	}
	for _, a := range p.sweep.Axes {
		f.Axes = append(f.Axes, ledger.Axis{Name: a.Name, Path: a.Path})
	}
	if f.Args, err = json.Marshal(p.args()); err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	if len(p.sweep.Runs) > 0 {
		if f.Settings, err = settings(p.Root.asNamed(p.sweep.Runs[0].Spec).Eval); err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
	}
	seen := map[sweeps.Base]bool{}
	for i, item := range p.plan.Items {
		asked := p.Root.asNamed(item.Job.Spec)
		spec, err := asked.Canonical()
		if err != nil {
			return err
		}
		if named := item.Job.Spec.Base; item.Job.Kind == ledger.Train && !seen[named] {
			seen[named] = true
			repository, revision := repository(item.Job.Spec.Base.Model)
			b := ledger.Base{
				Digest: item.Job.Inputs.Base, Model: asked.Base.Model, ChatTemplate: asked.Base.ChatTemplate,
				Tokenizer: item.Job.Inputs.Tokenizer, Template: item.Job.Inputs.Template, Repository: repository, Revision: revision, License: item.license,
			}
			if b.Merged, err = p.merged(item.Job.Spec.Base.Model, b.Digest); err != nil {
				return err
			}
			if !slices.Contains(p.plan.bases, b) {
				p.plan.bases = append(p.plan.bases, b)
			}
		}
		f.Planned = append(f.Planned, ledger.PlannedRun{
			Key: item.Job.Key, Kind: item.Job.Kind, Name: item.Job.Baseline, Position: i, Axes: item.Axes, Spec: spec,
			Base: item.Job.Inputs.Base, Numerics: item.Job.Inputs.Numerics,
			TrainSet: item.sets["train"], ValidationSet: item.sets["validation"], TestSet: item.sets["test"],
			Against: item.against, Evaluation: item.evaluation, Truncated: len(item.Truncated),
		})
	}
	p.plan.fact = f
	return nil
}

// record puts the plan's facts into the ledger, and the sweep's sources with what is
// not committed into the store.
func (p *Plan) record(ctx context.Context, l *ledger.Ledger, artifacts *store.Store) (int64, error) {
	for _, s := range p.Sweep.Sources {
		if _, err := artifacts.Put(ctx, bytes.NewReader(s.Content)); err != nil {
			return 0, err
		}
	}
	for _, data := range p.changes {
		if _, err := artifacts.Put(ctx, bytes.NewReader(data)); err != nil {
			return 0, err
		}
	}
	for _, b := range p.bases {
		if err := l.RecordBase(ctx, b); err != nil {
			return 0, err
		}
	}
	for _, d := range p.datasets {
		if err := l.RecordDataset(ctx, d); err != nil {
			return 0, err
		}
	}
	for _, s := range p.sets {
		if err := s.record(ctx, l, p.key); err != nil {
			return 0, err
		}
	}
	return l.RecordSweep(ctx, p.fact)
}

// settings returns evaluation settings with what reports need to know of the
// metrics that they ask for: the names under which they are measured, and which way
// they improve.
func settings(e sweeps.Eval) (json.RawMessage, error) {
	type measured struct {
		Name          string `json:"name"`
		LowerIsBetter bool   `json:"lower_is_better"`
	}
	out := struct {
		sweeps.Eval
		Measured []measured `json:"measured"`
	}{Eval: e}
	metrics, err := Metrics(e)
	if err != nil {
		return nil, err
	}
	for _, m := range metrics {
		out.Measured = append(out.Measured, measured{m.Name(), m.LowerIsBetter()})
	}
	return json.Marshal(out)
}

// recordedArg is an argument as the ledger has it: as it was written on the
// command line, where everybody on the machine could read it, or, of one from the
// environment, its HMAC-SHA-256 under the record key. What the sweep makes of
// either is in its specs.
type recordedArg struct {
	Kind   string        `json:"kind"`
	Name   string        `json:"name"`
	Value  *string       `json:"value,omitempty"`
	Digest ledger.Digest `json:"digest,omitempty"`
}

func (p *planner) args() []recordedArg {
	out := []recordedArg{}
	for _, a := range p.sweep.Args {
		r := recordedArg{Kind: a.Kind, Name: a.Name}
		if a.Environment {
			r.Digest = p.keyed(sha256.Sum256([]byte(a.Value)))
		} else {
			r.Value = &a.Value
		}
		out = append(out, r)
	}
	return out
}
