package ledger

import (
	"cmp"
	"context"
	"slices"

	"golang.org/x/sync/errgroup"
)

// RunLine is a planned run as a list of many shows it: what came of it, and nothing
// of how it was made.
type RunLine struct {
	Key         Digest
	SweepID     int64 // the sweep that the plan is from
	Sweep       string
	Position    int
	Kind        Kind
	Name        string // of a baseline
	Axes        []Choice
	State       State
	Attempts    int
	ChosenEpoch int    // this and what follows as of Run
	Adapter     Digest // identity of the chosen adapter
	Tokens      int
	Seconds     float64
	// Unauthenticated says that the result is from a journal that nobody signed.
	Unauthenticated bool

	// Published is the version that the chosen adapter was published as, in the run's
	// own sweep if it was, else in another that came to the same run; nil if in none.
	Published *Adapter
}

// RunLines returns runs in the order of Runs, in a fraction of its time.
func (l *Ledger) RunLines(ctx context.Context, f RunFilter) ([]RunLine, error) {
	planned, args, err := l.plannedRuns(ctx, &f, "LEFT JOIN attempts a ON a.run = r.id AND a.number = coalesce(r.result, r.attempts)")
	if err != nil {
		return nil, err
	}
	var out []RunLine
	var versions map[adapterOf][]*Adapter
	var both errgroup.Group
	both.Go(func() (err error) {
		out, err = gather(ctx, l, func(r *RunLine) []any {
			return []any{
				&r.Key, &r.SweepID, &r.Sweep, &r.Position, (*string)(&r.Kind), &r.Name,
				choices{&r.Axes},
				(*string)(&r.State), &r.Attempts, &r.ChosenEpoch, &r.Adapter, &r.Tokens, &r.Seconds, &r.Unauthenticated,
			}
		}, `SELECT r.key, s.id, s.name, p.position, p.kind, p.name, p.axes, `+stateColumn+`, r.attempts,
			coalesce(a.chosen_epoch, 0), coalesce(a.adapter, ''), coalesce(a.tokens, 0), coalesce(a.seconds, 0.0), coalesce(a.unauthenticated, 0)`+planned, args...)
		return err
	})
	both.Go(func() (err error) {
		versions, err = l.versions(ctx)
		return err
	})
	if err := both.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b RunLine) int {
		return cmp.Or(cmp.Compare(b.SweepID, a.SweepID), cmp.Compare(a.Position, b.Position))
	})
	for i := range out {
		r := &out[i]
		for _, a := range versions[adapterOf{r.Key, r.Adapter, r.ChosenEpoch}] {
			if r.Published = a; a.Sweep == r.Sweep {
				break
			}
		}
	}
	return out, nil
}

// adapterOf is an epoch's adapter of a run.
type adapterOf struct {
	run, digest Digest
	epoch       int
}

// versions returns what adapters were published as, without what is beside them, by
// sweep and version.
func (l *Ledger) versions(ctx context.Context) (map[adapterOf][]*Adapter, error) {
	found, err := gather(ctx, l, func(a *Adapter) []any {
		return []any{&a.Run, &a.Digest, &a.Epoch, &a.Sweep, &a.Version}
	}, "SELECT run, digest, epoch, sweep, version FROM adapters ORDER BY sweep, version")
	if err != nil {
		return nil, err
	}
	out := make(map[adapterOf][]*Adapter, len(found))
	for i := range found {
		a := &found[i]
		key := adapterOf{a.Run, a.Digest, a.Epoch}
		out[key] = append(out[key], a)
	}
	return out, nil
}
