package runner

import (
	"context"
	"errors"
	"fmt"
	"os"

	"daybook/engine"
	"daybook/ledger"
)

// Reproduction is a finished run that is to be trained once more from what the
// ledger says of it: by a process of its own, in a root of its own with an empty
// cache, from where neither the run's checkpoints nor its adapter are to be seen.
type Reproduction struct {
	Run     ledger.Run
	Notes   []string             // what the ledger doesn't keep, and what is another than it was without changing a bit
	Changed []string             // what is not as recorded; nothing is trained then, unless that is what was asked for
	Fact    *ledger.Reproduction // what came of it; nil if it was not trained to the end
	Err     error                // why not, or why the ledger could not be told

	item     *Item
	scratch  Root
	origin   *ledger.AttemptInfo
	checkout string // commit
}

// ReproduceOptions say what finished runs are trained from.
type ReproduceOptions struct {
	Root     Root
	Ledger   *ledger.Ledger
	Hub      Hub
	Device   string // to train on; "" for one of the run's numerics class, if there is one here
	Numerics func(device string) (engine.Numerics, error)
	Checkout bool     // read data, base and template as the run's commit has them
	Data     []string // where the data lie now, instead of the spec's sources in their order
	Base     string   // where the base lies now
	Seed     *uint64  // another one than the run's
	// Altered allows to train from other data, another base or another seed than the
	// run's, in order to see from which step on that shows.
	Altered bool
}

// NewReproduction prepares to reproduce a run: it finds what the run was trained
// from and digests it. Close is due also after an error of Train.
func NewReproduction(ctx context.Context, run ledger.Run, o ReproduceOptions) (_ *Reproduction, err error) {
	name := fmt.Sprintf("run %.12s", run.Key)
	if run.Kind != ledger.Train {
		return nil, WithHint(fmt.Errorf("%s measures a base, and trains nothing", name), "'daybook runs' lists the runs that are trained")
	}
	r := &Reproduction{Run: run, origin: run.Origin()}
	if run.State != ledger.Done || r.origin == nil {
		return nil, WithHint(fmt.Errorf("%s is %s: there is nothing to compare with", name, run.State), "'daybook run SWEEP' finishes it")
	}
	// What the run was trained from is what its own sweep planned, not what a later
	// one made of the same key.
	if r.origin.Sweep != 0 {
		planned, err := o.Ledger.Runs(ctx, ledger.RunFilter{SweepID: r.origin.Sweep, Key: run.Key})
		if err != nil {
			return nil, err
		}
		if len(planned) > 0 {
			r.Run = planned[0]
			r.origin = r.Run.Origin()
		}
	}
	lost, err := o.Ledger.Unrepeatable(ctx, r.Run.PlannedRun)
	if err != nil {
		return nil, err
	}
	if len(lost) > 0 {
		return nil, WithHint(fmt.Errorf("%s: a record of its %s set was forgotten (entry %d): it can't be repeated", name, lost[0].Fact.Role, lost[0].Entry),
			"a sweep without the record makes another run; what this one gave stays in the ledger")
	}
	if err := r.makeRoom(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	if err := r.resolve(ctx, o); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// makeRoom makes the root that the run is trained in, empty but for its folders.
func (r *Reproduction) makeRoom() error {
	dir, err := os.MkdirTemp("", "daybook-reproduce-")
	if err != nil {
		return WithHint(fmt.Errorf("reproduce: %w", err), "TMPDIR names a folder to work in")
	}
	if r.scratch, err = NewRoot(dir); err != nil {
		return err
	}
	return r.scratch.Prepare()
}

// Close removes everything that was written.
func (r *Reproduction) Close() error {
	if r.scratch.Dir == "" {
		return nil
	}
	return os.RemoveAll(r.scratch.Dir)
}

// Item is the run as plans have it, for progress.
func (r *Reproduction) Item() *Item { return r.item }

// device picks what to train on, and returns its numerics class.
func (o *ReproduceOptions) device(recorded string) (string, engine.Numerics, error) {
	candidates := []string{o.Device}
	if o.Device == "" {
		candidates = []string{"cpu", "auto", "auto/float32"}
	}
	var first engine.Numerics
	var firstErr error
	for i, name := range candidates {
		n, err := o.Numerics(name)
		if err == nil && n.String() == recorded {
			return name, n, nil
		}
		if i == 0 {
			first, firstErr = n, err
		}
	}
	if o.Device != "" || firstErr != nil {
		return candidates[0], first, firstErr
	}
	n, err := o.Numerics("auto") // none is of the class: the best, then
	return "auto", n, err
}
