package runner

import (
	"context"
	"fmt"
	"slices"

	"daybook/engine/checkpoint"
	"daybook/sweeps"
)

// givenAdapters finds the adapters that a spec names, fills in their digests, and
// returns the one that training goes on from, nil if it starts anew. What can't be
// used with the base is an error that names the place in the spec.
func (p *planner) givenAdapters(ctx context.Context, base *Base, spec *sweeps.Spec) (*JobAdapter, error) {
	spec.Eval.Baselines = slices.Clone(spec.Eval.Baselines) // runs of a sweep may share it
	for i := range spec.Eval.Baselines {
		b := &spec.Eval.Baselines[i]
		if b.Kind != adapterKind {
			continue
		}
		if _, err := p.given(ctx, fmt.Sprintf("eval.baselines[%d].adapter", i), base, &b.Adapter); err != nil {
			return nil, err
		}
	}
	if spec.Train.LoRA.Init == (sweeps.AdapterRef{}) {
		return nil, nil
	}
	const place = "train.lora.init"
	a, err := p.given(ctx, place, base, &spec.Train.LoRA.Init)
	if err != nil {
		return nil, err
	}
	l, _, err := checkpoint.ReadAdapterConfig(a.Dir, base.Shape())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", place, err)
	}
	training, err := Training(*spec)
	if err != nil {
		return nil, err
	}
	want := training.LoRA
	for _, c := range []struct {
		key       string
		spec, has any
		same      bool
	}{
		{"rank", want.Rank, l.Rank, want.Rank == l.Rank},
		{"alpha", want.Alpha, l.Alpha, want.Alpha == l.Alpha},
		{"rslora", want.RSLoRA, l.RSLoRA, want.RSLoRA == l.RSLoRA},
		{"targets", want.Targets, l.Targets, slices.Equal(want.Targets, l.Targets)},
	} {
		if !c.same {
			return nil, WithHint(fmt.Errorf("train.lora.%s: %v: the adapter to go on from, %s, has %v", c.key, c.spec, a.Name, c.has),
				"going on from an adapter changes its values, not what it is: set train.lora."+c.key+" as it has it")
		}
	}
	return &JobAdapter{Path: p.Root.Reach(a.Dir), Digest: a.Digest}, nil
}

// adapterKind is the kind of baseline that is an adapter.
const adapterKind = "adapter"

// given finds one adapter that a spec names.
func (p *planner) given(ctx context.Context, place string, base *Base, ref *sweeps.AdapterRef) (*NamedAdapter, error) {
	a, err := p.adapters.get(fmt.Sprint(ref.Ref, "\x00", hexDigest(base.Digest())), func() (*NamedAdapter, error) {
		dir, err := AdapterFolder(p.resolve(ref.Ref))
		if err != nil {
			return nil, err
		}
		a, err := findAdapter(ctx, p.Root, p.Ledger, ref.Ref, dir)
		if err != nil {
			return nil, err
		}
		return a, a.usable(base)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", place, err)
	}
	if ref.Digest != "" && ref.Digest != a.Digest {
		return nil, WithHint(fmt.Errorf("%s: %s has digest %s, the sweep wants %s", place, ref.Ref, a.Digest, ref.Digest), "name the adapter that is meant, or leave the digest out")
	}
	ref.Digest = a.Digest
	return a, nil
}

// usable returns an error unless the adapter is what it is said to be, fits the base
// and, where it says what it was trained on, was trained on its weights and tokenizer.
func (a *NamedAdapter) usable(base *Base) error {
	got, err := AdapterIn(a.Dir)
	if err != nil {
		return err
	}
	if got != a.Digest {
		return WithHint(fmt.Errorf("%s: the folder's digest is %.12s, the ledger has %.12s: it was changed", a.Name, got, a.Digest), "restore the folder, or delete it and run its sweep again")
	}
	if a.About != nil {
		trained, found := Inputs{Base: a.About.Base.Digest, Tokenizer: a.About.Base.Tokenizer}, base.Inputs()
		found.Template = "" // with another template one may well go on, or compare
		if err := Foreign(trained, found); err != nil {
			return fmt.Errorf("%s: %w", a.Name, err)
		}
	}
	_, err = ReadAdapter(a.Dir, base)
	return err
}

// givenBaseline returns the job's adapter for a baseline that is one.
func (p *planner) givenBaseline(ctx context.Context, base *Base, b sweeps.Baseline) (*JobAdapter, error) {
	a, err := p.given(ctx, "eval.baselines", base, &b.Adapter)
	if err != nil {
		return nil, err
	}
	return &JobAdapter{Path: p.Root.Reach(a.Dir), Digest: a.Digest}, nil
}

// asNamed returns a spec as the ledger and metadata have it: with no path that could
// be a home folder's.
func (r Root) asNamed(s sweeps.Spec) sweeps.Spec {
	s.Base.Model, s.Base.ChatTemplate = r.named(s.Base.Model), r.named(s.Base.ChatTemplate)
	s.Data.Source = slices.Clone(s.Data.Source)
	for i := range s.Data.Source {
		s.Data.Source[i].Path = r.named(s.Data.Source[i].Path)
	}
	s.Train.LoRA.Init.Ref = r.named(s.Train.LoRA.Init.Ref)
	s.Eval.Baselines = slices.Clone(s.Eval.Baselines)
	for i := range s.Eval.Baselines {
		s.Eval.Baselines[i].Adapter.Ref = r.named(s.Eval.Baselines[i].Adapter.Ref)
	}
	return s
}
