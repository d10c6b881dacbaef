package runner

import (
	"context"
	"encoding/json"
	"slices"

	"daybook/ledger"
	"daybook/sweeps"
)

// lineage says which adapters runs have in them from their beginning: one that they go
// on from, or one that was merged into their base. What those have seen, so have they.
type lineage struct {
	parents map[ledger.Digest][]ledger.Digest // adapters, by run
	madeBy  map[ledger.Digest]ledger.Digest   // run, by adapter; "" if none here made it
}

func newLineage(ctx context.Context, l *ledger.Ledger, runs []ledger.Run, published []ledger.Adapter) (*lineage, error) {
	n := &lineage{parents: map[ledger.Digest][]ledger.Digest{}, madeBy: map[ledger.Digest]ledger.Digest{}}
	merged, err := l.MergedBases(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range runs {
		var spec sweeps.Spec
		if json.Unmarshal(r.Spec, &spec) == nil && spec.Train.LoRA.Init.Digest != "" { // specs of other releases have none
			n.parents[r.Key] = append(n.parents[r.Key], spec.Train.LoRA.Init.Digest)
		}
		n.parents[r.Key] = append(n.parents[r.Key], merged[r.Base]...)
	}
	wanted := false
	for _, parents := range n.parents {
		for _, adapter := range parents {
			n.madeBy[adapter], wanted = "", true
		}
	}
	if !wanted {
		return n, nil
	}
	note := func(adapter, run ledger.Digest) {
		if _, ok := n.madeBy[adapter]; ok {
			n.madeBy[adapter] = run
		}
	}
	for _, r := range runs {
		epochs, err := l.Epochs(ctx, r.Key) // any of which may have been taken
		if err != nil {
			return nil, err
		}
		for _, e := range epochs {
			note(e.Adapter, r.Key)
		}
	}
	for _, a := range published {
		note(a.Digest, a.Run)
	}
	return n, nil
}

// inherit moves those of the missing runs to the exposed ones that have in them what
// an exposed run made, and returns the others.
func (x *exposer) inherit(exposed *[]ExposedRun, missing []ledger.Run) []ledger.Run {
	by := map[ledger.Digest]ExposedRun{}
	for _, r := range *exposed {
		by[r.Run] = r
	}
	for moved := true; moved; { // until no chain is longer
		moved = false
		missing = slices.DeleteFunc(missing, func(r ledger.Run) bool {
			for _, adapter := range x.lineage.parents[r.Key] {
				parent, ok := by[x.lineage.madeBy[adapter]]
				if !ok {
					continue
				}
				child := parent
				child.Run, child.Sweep, child.Axes, child.State, child.Steps = r.Key, r.Sweep, r.Axes, r.State, r.Steps
				child.Adapters, child.Through = append([]string{}, x.adapters[r.Key]...), adapter
				by[r.Key] = child
				*exposed = append(*exposed, child)
				moved = true
				return true
			}
			return false
		})
	}
	return missing
}

// obscure reports whether a run has in it an adapter of which nobody here knows what
// it was trained on.
func (x *exposer) obscure(run ledger.Digest) bool {
	seen := map[ledger.Digest]bool{}
	var look func(run ledger.Digest) bool
	look = func(run ledger.Digest) bool {
		if seen[run] { // no run goes on from itself, unless a ledger lies
			return false
		}
		seen[run] = true
		return slices.ContainsFunc(x.lineage.parents[run], func(adapter ledger.Digest) bool {
			by := x.lineage.madeBy[adapter]
			return by == "" || look(by)
		})
	}
	return look(run)
}
