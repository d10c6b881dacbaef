package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"daybook/engine/dataset"
	"daybook/ledger"
	"daybook/ledger/evidence"
	"daybook/sweeps"
)

// warnOfOverlap tells of adapters that the sweep names, as baselines or to go on from,
// and that were trained on records that it judges by. A split says nothing of what an
// adapter from another sweep has seen.
func (p *planner) warnOfOverlap(ctx context.Context) error {
	if len(p.adapters.m) == 0 {
		return nil
	}
	recordKey := p.Key
	if recordKey == nil { // of a plan alone, which makes none
		recordKey, _ = p.Root.ExistingRecordKey() // without it, what an adapter has seen is not known
	}
	warned := map[ledger.Digest]bool{}
	for _, key := range slices.Sorted(maps.Keys(p.adapters.m)) {
		a := p.adapters.m[key]
		if warned[a.Digest] {
			continue
		}
		warned[a.Digest] = true
		seen, complete, err := p.seenBy(ctx, a)
		if err != nil {
			return fmt.Errorf("adapter %s: %w", a.Name, err)
		}
		for _, set := range p.judgedSets() {
			if n := set.overlap(recordKey, seen); n > 0 {
				p.plan.Warnings = append(p.plan.Warnings, fmt.Sprintf("adapter %s was trained on %d of the %d %s records, by content: that flatters it, and what goes on from it",
					a.Name, n, len(set.records), set.split))
			}
		}
		if !complete || recordKey == nil {
			p.plan.Warnings = append(p.plan.Warnings, fmt.Sprintf("adapter %s: what it was trained on is not recorded here; it may have seen the records that it is judged on", a.Name))
		}
	}
	return nil
}

// seenBy returns the keyed content IDs of the records that an adapter was trained on,
// and those that it went on from, as far as the ledger knows all of them.
func (p *planner) seenBy(ctx context.Context, a *NamedAdapter) (seen map[string]bool, complete bool, err error) {
	seen = map[string]bool{}
	if a.Version == nil {
		return seen, false, nil
	}
	visited := map[ledger.Digest]bool{}
	for version := *a.Version; !visited[version.Run]; {
		visited[version.Run] = true
		run, err := p.Ledger.Run(ctx, version.Run)
		if err != nil {
			return nil, false, err
		}
		members, err := p.Ledger.Members(ctx, run.TrainSet)
		if errors.Is(err, ledger.ErrNotFound) {
			return seen, false, nil
		}
		if err != nil {
			return nil, false, err
		}
		for _, m := range members {
			seen[m.Content] = true
		}
		var spec sweeps.Spec
		if err := json.Unmarshal(run.Spec, &spec); err != nil {
			return nil, false, fmt.Errorf("run %.12s: spec: %w", run.Key, err)
		}
		before := spec.Train.LoRA.Init.Digest
		if before == "" {
			break
		}
		version, err = p.Ledger.Adapter(ctx, before)
		if errors.Is(err, ledger.ErrNotFound) {
			return seen, false, nil
		}
		if err != nil {
			return nil, false, err
		}
	}
	return seen, true, nil
}

// heldOut is a set of records that runs are judged by.
type heldOut struct {
	split   string
	data    *dataset.Dataset
	records []int
}

// judgedSets returns the held-out sets of the plan, each once.
func (p *planner) judgedSets() (out []heldOut) {
	seen := map[string]bool{}
	for _, item := range p.plan.Items {
		for _, held := range item.held {
			key := held.judged.Split + held.judged.Set
			if !seen[key] {
				seen[key] = true
				out = append(out, heldOut{held.judged.Split, item.data, held.judged.Records})
			}
		}
	}
	return out
}

// overlap counts the records whose content is among keyed IDs, which older builds keyed
// in another way.
func (h heldOut) overlap(key []byte, ids map[string]bool) (n int) {
	if key == nil || len(ids) == 0 {
		return 0
	}
	keyer := evidence.Keyer(evidence.RootKey(key))
	for _, i := range h.records {
		id := h.data.Records[i].ContentID
		if ids[hexDigest(keyer(id))] || ids[hexDigest(dataset.Keyed(key, id))] {
			n++
		}
	}
	return n
}
