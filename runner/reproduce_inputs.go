package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"daybook/engine/dataset"
	"daybook/engine/hub"
	"daybook/ledger"
	"daybook/ledger/evidence"
	"daybook/sweeps"
)

// resolve makes the job from what the ledger says of the run, and compares what it
// reads with what the run has read.
func (r *Reproduction) resolve(ctx context.Context, o ReproduceOptions) error {
	var spec sweeps.Spec
	if err := json.Unmarshal(r.Run.Spec, &spec); err != nil {
		return fmt.Errorf("spec: %w", err)
	}
	found, err := o.Ledger.Sweeps(ctx, ledger.SweepFilter{ID: r.Run.SweepID})
	if err != nil {
		return err
	}
	at := places{root: o.Root.Dir}
	if len(found) > 0 && !strings.HasPrefix(found[0].Path, outside) {
		at.sweep = filepath.FromSlash(path.Dir(found[0].Path))
	}
	if o.Checkout {
		if at.checkout, err = r.restoreCode(ctx, o.Root, at.names(spec)); err != nil {
			return err
		}
	}
	if err := r.locate(&spec, at, o); err != nil {
		return err
	}
	seed := spec.Seed
	if o.Seed != nil {
		spec.Seed = *o.Seed
	}
	device, numerics, err := o.device(r.Run.Numerics)
	if err != nil {
		return err
	}
	p := newPlanner(&sweeps.Sweep{Name: r.Run.Sweep, Dir: o.Root.Dir}, PlanOptions{Root: r.scratch, Device: device, Hub: o.Hub}, numerics)
	if err := p.pin(ctx, &spec.Base); err != nil {
		return err
	}
	item, err := r.plan(ctx, p, spec, o)
	if err != nil {
		return err
	}
	if item.Job.Initial, err = r.initialAdapter(ctx, o, at, spec.Train.LoRA.Init); err != nil {
		return err
	}
	r.item = item
	if err := r.compareInputs(ctx, o.Ledger); err != nil {
		return err
	}
	if seed != spec.Seed {
		r.Changed = append(r.Changed, fmt.Sprintf("seed: was %d, is %d", seed, spec.Seed))
	}
	if len(r.Changed) > 0 {
		return nil
	}
	// The key has a digest of everything that decides the adapter.
	in := item.Job.Inputs
	in.Numerics = r.Run.Numerics
	selecting, err := Selecting(spec.Eval)
	if err != nil {
		return err
	}
	key, err := trainKey(spec, in, item.sets["validation"], selecting.Version())
	if err != nil {
		return err
	}
	if key != r.Run.Key {
		r.Changed = append(r.Changed, "tokenizer, chat template or the meaning of a setting: data and base weights are as recorded, and yet they make the key "+key[:12])
	}
	return nil
}

// locate makes the spec's paths absolute.
func (r *Reproduction) locate(spec *sweeps.Spec, at places, o ReproduceOptions) error {
	if len(o.Data) > 0 && len(o.Data) != len(spec.Data.Source) {
		return WithHint(fmt.Errorf("--data: the run has %d sources, got %d", len(spec.Data.Source), len(o.Data)), "give --data once for each source, in their order")
	}
	if o.Base != "" {
		spec.Base.Model = o.Base
		if !hub.IsName(o.Base) {
			abs, err := filepath.Abs(o.Base)
			if err != nil {
				return fmt.Errorf("--base: %w", err)
			}
			spec.Base.Model = abs
		}
	}
	var elsewhere []string
	for i := range spec.Data.Source {
		s := &spec.Data.Source[i]
		name := s.Path
		var in bool
		var err error
		if len(o.Data) > 0 {
			if s.Path, err = filepath.Abs(o.Data[i]); err != nil {
				return fmt.Errorf("--data: %w", err)
			}
			continue
		}
		if s.Path, in, err = at.find("data", name, "--data"); err != nil {
			return err
		}
		if !in {
			elsewhere = append(elsewhere, name)
		}
	}
	files := map[string]*string{"base": &spec.Base.Model, "chat template": &spec.Base.ChatTemplate}
	for _, what := range []string{"base", "chat template"} {
		name := *files[what]
		if name == "" || hub.IsName(name) || what == "base" && o.Base != "" {
			continue
		}
		found, in, err := at.find(what, name, "--base")
		if err != nil {
			return err
		}
		if *files[what] = found; !in {
			elsewhere = append(elsewhere, name)
		}
	}
	if at.checkout != "" && len(elsewhere) > 0 {
		r.Notes = append(r.Notes, "the commit has no "+strings.Join(elsewhere, ", ")+": read from where it lies now")
	}
	return nil
}

// plan resolves the records of the run, without the baselines that it was compared
// with.
func (r *Reproduction) plan(ctx context.Context, p *planner, spec sweeps.Spec, o ReproduceOptions) (*Item, error) {
	base, ds, err := p.inputs(spec)
	if err != nil {
		return nil, err
	}
	sides, err := r.records(ctx, p, ds, spec, o)
	if err != nil {
		return nil, err
	}
	examples, err := p.encode(ctx, base, ds, sides["train"], spec)
	if err != nil {
		return nil, err
	}
	item := &Item{Selected: true, Examples: len(examples), Axes: r.Run.Axes}
	item.Job = p.training(ledger.Label(r.Run.Axes), spec, base, ds, sides["train"], ExampleSet(examples))
	item.Job.Key, item.Job.Attempt = r.Run.Key, 1
	item.sets = map[string]ledger.Digest{"train": item.Job.Inputs.Train}
	for _, split := range []string{"validation", "test"} {
		if len(sides[split]) == 0 {
			continue
		}
		set, err := p.judged(base, ds, spec, split, sides[split])
		if err != nil {
			return nil, err
		}
		item.Job.Judged = append(item.Job.Judged, set.judged)
		item.sets[split] = set.judged.Set
	}
	return item, nil
}

// records returns which records the run is trained and judged on: by the rules of
// its spec or, where those name records and the ledger conceals the names, by the
// records' keyed IDs.
func (r *Reproduction) records(ctx context.Context, p *planner, ds *dataset.Dataset, spec sweeps.Spec, o ReproduceOptions) (map[string][]int, error) {
	if !bytes.Contains(r.Run.Spec, []byte(`"`+concealed)) {
		part, train, err := p.draw(ds, spec.Data)
		if err != nil {
			return nil, err
		}
		return map[string][]int{"train": train, "validation": part.Validation, "test": part.Test}, nil
	}
	if _, err := os.Stat(o.Root.recordKey()); errors.Is(err, fs.ErrNotExist) {
		return nil, WithHint(errors.New("its rules name records, the ledger conceals the names, and the key under which it keeps the records' IDs is not here"),
			"reproduce it in the root that it was run in")
	}
	key, err := o.Root.RecordKey()
	if err != nil {
		return nil, err
	}
	at := map[string][]int{}
	root := evidence.RootKey(key)
	for i := range ds.Records {
		// Sets that an older build recorded have IDs under the record key itself.
		for _, id := range []ledger.Digest{hexDigest(evidence.Keyed(root, ds.Records[i].ID)), hexDigest(dataset.Keyed(key, ds.Records[i].ID))} {
			at[id] = append(at[id], i)
		}
	}
	out := map[string][]int{}
	for split, digest := range r.recorded() {
		if digest == "" {
			continue
		}
		members, err := o.Ledger.Members(ctx, digest)
		if err != nil {
			return nil, err
		}
		taken := map[string]int{}
		for i, m := range members {
			if taken[m.Record] >= len(at[m.Record]) {
				return nil, WithHint(fmt.Errorf("data: record %d of the %s set is in them no more", i+1, split), "restore the data, or take them from the run's commit with --checkout")
			}
			out[split] = append(out[split], at[m.Record][taken[m.Record]])
			taken[m.Record]++
		}
	}
	return out, nil
}

// recorded returns the digests of the run's sets.
func (r *Reproduction) recorded() map[string]ledger.Digest {
	return map[string]ledger.Digest{"train": r.Run.TrainSet, "validation": r.Run.ValidationSet, "test": r.Run.TestSet}
}

// compareInputs holds what will be read against the digests in the ledger.
func (r *Reproduction) compareInputs(ctx context.Context, l *ledger.Ledger) error {
	in := r.item.Job.Inputs
	if in.Base != r.Run.Base {
		r.Changed = append(r.Changed, fmt.Sprintf("base weights: were %.12s, are %.12s", r.Run.Base, in.Base))
	}
	was := r.recorded()
	for _, split := range []string{"train", "validation", "test"} {
		if is := r.item.sets[split]; is != was[split] {
			r.Changed = append(r.Changed, fmt.Sprintf("%s records: were %s, are %s", split, shortOr(was[split]), shortOr(is)))
		}
	}
	if r.Run.TrainSet == "" {
		return nil
	}
	set, err := l.Set(ctx, r.Run.TrainSet)
	if err != nil {
		return err
	}
	switch {
	case set.Dataset == in.Dataset:
	case len(r.Changed) > 0:
		r.Changed = append([]string{fmt.Sprintf("data: were %.12s, are %.12s", set.Dataset, in.Dataset)}, r.Changed...)
	default:
		r.Notes = append(r.Notes, fmt.Sprintf("the data have another digest (%.12s, now %.12s), but every record that the run was trained and judged on is the same", set.Dataset, in.Dataset))
	}
	return nil
}

// shortOr is a digest for people, "none" if there is none.
func shortOr(d ledger.Digest) string {
	if d == "" {
		return "none"
	}
	return d[:12]
}
