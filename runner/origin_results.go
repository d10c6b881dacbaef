package runner

import (
	"context"
	"fmt"

	"daybook/ledger"
)

// Results is ledger.Results for the sweep of a ledger l, with the results of runs that
// are not finished there and are in ledgers that were merged: equal keys are the same
// run, wherever it was made. A run counts if it was judged by the same records under
// the same settings.
func (all Origins) Results(ctx context.Context, l *ledger.Ledger, sweep int64) (*ledger.Results, error) {
	res, err := l.Results(ctx, sweep)
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		theirs := map[int64]*ledger.Results{} // by sweep
		for i := range res.Runs {
			r := &res.Runs[i]
			if r.State == ledger.Done {
				continue
			}
			if err := o.result(ctx, r, theirs); err != nil {
				return nil, fmt.Errorf("origin %s: %w", o.Name, err)
			}
		}
	}
	pair(res)
	return res, nil
}

// result fills a run in with what the origin has of it, or says of one that is finished
// there why that is not comparable.
func (o *Origin) result(ctx context.Context, r *ledger.RunResult, theirs map[int64]*ledger.Results) error {
	found, err := o.Ledger.RunLines(ctx, ledger.RunFilter{Key: r.Key, State: ledger.Done})
	if err != nil || len(found) == 0 {
		return err
	}
	id := found[0].SweepID
	if theirs[id] == nil {
		if theirs[id], err = o.Ledger.Results(ctx, id); err != nil {
			return err
		}
	}
	for i := range theirs[id].Runs {
		t := &theirs[id].Runs[i]
		if t.Key == r.Key && t.State == ledger.Done && t.Evaluation == r.Evaluation && t.ValidationSet == r.ValidationSet && t.TestSet == r.TestSet {
			o.fill(r, t)
			return nil
		}
	}
	if r.Kind == ledger.Train {
		r.Error = fmt.Sprintf("%s has finished it, and judged it by other records or under other settings: run the sweep there as it is now, and merge again", o.Name)
	}
	return nil
}

// fill makes a planned run the one that the origin has finished.
func (o *Origin) fill(r *ledger.RunResult, made *ledger.RunResult) {
	filled := *made
	filled.PlannedRun, filled.SweepID, filled.Sweep = r.PlannedRun, r.SweepID, r.Sweep
	filled.From = o.Name
	*r = filled
}

// pair has evaluations of one set compared record by record, also where two ledgers
// have made them: each keeps IDs of records under a secret of its own, but a set says
// which records it has, in which order.
func pair(res *ledger.Results) {
	lists := map[ledger.Digest]*ledger.Scored{}
	for _, own := range []bool{true, false} { // what was made here under one secret comes first
		for i := range res.Runs {
			t := res.Runs[i].Test
			if t == nil || ownResult(&res.Runs[i]) != own {
				continue
			}
			first := lists[t.Set]
			switch {
			case first == nil:
				lists[t.Set] = t
			case first.Records == t.Records:
				t.List, t.RecordIDs = first.List, first.RecordIDs
			}
		}
	}
}

// ownResult reports whether a result was made here.
func ownResult(r *ledger.RunResult) bool {
	made := r.Origin()
	return r.From == "" && (made == nil || !made.Unauthenticated)
}

// Finished returns which of the keys an origin has finished runs of, with the adapter
// at hand: those need not be trained here.
func (all Origins) Finished(ctx context.Context, keys []ledger.Digest) (map[ledger.Digest]*Origin, error) {
	out := map[ledger.Digest]*Origin{}
	for _, o := range all {
		states, err := o.Ledger.States(ctx, keys)
		if err != nil {
			return nil, fmt.Errorf("origin %s: %w", o.Name, err)
		}
		for _, key := range keys {
			if out[key] != nil || states[key].State != ledger.Done {
				continue
			}
			here, err := o.has(ctx, key)
			if err != nil {
				return nil, fmt.Errorf("origin %s: %w", o.Name, err)
			}
			if here {
				out[key] = o
			}
		}
	}
	return out, nil
}

// has reports whether the adapter of a finished run came along.
func (o *Origin) has(ctx context.Context, key ledger.Digest) (bool, error) {
	published, err := o.Ledger.Adapters(ctx, ledger.AdapterFilter{Run: key})
	if err != nil {
		return false, err
	}
	for _, a := range published {
		if inPlace(o.Root.Abs(a.Path), a.Bytes) {
			return true, nil
		}
	}
	return false, nil
}
