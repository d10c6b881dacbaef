package runner

import (
	"context"
	"fmt"

	"daybook/engine"
	"daybook/engine/dataset"
	"daybook/ledger"
	"daybook/sweeps"
)

// Plan is a sweep with everything resolved that can be known before training:
// which records each run sees, its key, and whether it is done already.
type Plan struct {
	Root     Root
	Sweep    *sweeps.Sweep
	Items    []*Item     // baselines first, then runs in the order of the sweep
	Data     ledger.Data // of the sweep's first run
	Warnings []string

	fact     ledger.Sweep
	bases    []ledger.Base
	datasets []ledger.Dataset
	sets     []plannedSet
	changes  [][]byte // what is not committed, for the store
	key      []byte   // of record IDs; nil in a plan that is not run
}

// Item is one planned run or baseline.
type Item struct {
	Job         Job
	Position    int
	Axes        []ledger.Choice
	Status      ledger.RunStatus
	From        string // merged ledger that has finished it; "" if none has, or this one
	Selected    bool   // by --only and --limit; baselines always are
	Examples    int    // training examples
	Tokens      int    // in them, for one epoch
	Truncated   []Truncated
	against     ledger.Digest
	evaluation  ledger.Digest
	examples    []engine.Example
	sets        map[string]ledger.Digest // role to digest
	held        []judgedSet
	base        *Base
	data        *dataset.Dataset
	waiting     bool   // another process was seen running it
	unplanned   bool   // it has to predict again, although it did before
	reevaluates bool   // it evaluates a finished adapter
	license     string // of the base
}

// Truncated is a training record that max_seq_len cuts.
type Truncated struct {
	Record string `json:"record"` // name
	File   string `json:"file"`   // relative to the root
	Line   int    `json:"line"`
	Tokens int    `json:"tokens"` // cut off
}

// PlanOptions say what to plan.
type PlanOptions struct {
	Root   Root
	Ledger *ledger.Ledger // nil where there is none yet: every run is new
	// Origins are ledgers that were merged into that one: a run that one of them has
	// finished, with its adapter, is done.
	Origins Origins
	Key     []byte // record key; nil plans without record IDs, as plan does in a root without one
	Device  string
	Hub     Hub      // for bases that it names; nil where there is none
	Only    []string // choices such as "rank=8"
	Limit   int      // new runs at most; 0 means all
	Again   bool     // plan finished runs, too, as new attempts from the beginning
	// Numerics returns the numerics class of a device.
	Numerics func(device string) (engine.Numerics, error)
}

// Names of baselines, as the ledger and reports have them.
const (
	zeroShot    = "zero_shot"
	unquantized = "unquantized"
)

// NewPlan reads and digests the sweep's data, splits it, selects each run's
// records, opens the base, reads the git state and asks the ledger what is done.
// It trains and writes nothing.
func NewPlan(ctx context.Context, sweep *sweeps.Sweep, o PlanOptions) (*Plan, error) {
	numerics, err := o.Numerics(o.Device)
	if err != nil {
		return nil, err
	}
	p := newPlanner(sweep, o, numerics)
	var runs []*Item
	for i, r := range sweep.Runs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		err := p.pin(ctx, &r.Spec.Base)
		var item *Item
		if err == nil {
			item, err = p.run(ctx, i, r)
		}
		if err != nil {
			name := fmt.Sprintf("run %d", i+1)
			if label := r.Label(); label != "" {
				name += " (" + label + ")"
			}
			return nil, fmt.Errorf("%s: %s: %w", sweep.Path, name, err)
		}
		runs = append(runs, item)
	}
	p.plan.Items = append(p.plan.Items, runs...)
	if err := p.states(ctx); err != nil {
		return nil, err
	}
	if err := p.choose(); err != nil {
		return nil, err
	}
	if err := p.conceal(); err != nil {
		return nil, err
	}
	if err := p.describe(ctx); err != nil {
		return nil, err
	}
	p.warn()
	if err := p.warnOfForgotten(ctx); err != nil {
		return nil, err
	}
	return p.plan, p.warnOfOverlap(ctx)
}

// states asks the ledger where every planned key stands.
func (p *planner) states(ctx context.Context) error {
	if p.Ledger == nil {
		for _, item := range p.plan.Items {
			item.Status.State = ledger.New
		}
		return nil
	}
	keys := make([]ledger.Digest, len(p.plan.Items))
	for i, item := range p.plan.Items {
		keys[i] = item.Job.Key
	}
	found, err := p.Ledger.States(ctx, keys)
	if err != nil {
		return err
	}
	for _, item := range p.plan.Items {
		item.Status = found[item.Job.Key]
		if item.Status.State == "" {
			item.Status.State = ledger.New
		}
	}
	return p.elsewhere(ctx)
}

// elsewhere marks runs as done that another machine has finished: the same key gives the
// same adapter.
func (p *planner) elsewhere(ctx context.Context) error {
	var open []ledger.Digest
	for _, item := range p.plan.Items {
		if item.Job.Kind == ledger.Train && item.Status.State != ledger.Done {
			open = append(open, item.Job.Key)
		}
	}
	if len(open) == 0 {
		return nil
	}
	finished, err := p.Origins.Finished(ctx, open)
	if err != nil {
		return err
	}
	for _, item := range p.plan.Items {
		if o := finished[item.Job.Key]; o != nil {
			item.Status.State, item.From = ledger.Done, o.Name
		}
	}
	return nil
}

// choose marks the runs that --only and --limit leave.
func (p *planner) choose() error {
	wanted, err := p.sweep.Only(p.Only...)
	if err != nil {
		return fmt.Errorf("--only: %w", err)
	}
	labels := map[string]bool{}
	for _, r := range wanted {
		labels[r.Label()] = true
	}
	left := p.Limit
	for _, item := range p.plan.Items {
		if item.Job.Kind != ledger.Train || !labels[item.Job.Name] {
			continue
		}
		todo := p.Again || item.Status.State != ledger.Done
		if todo && p.Limit > 0 {
			if left == 0 {
				continue
			}
			left--
		}
		item.Selected = true
	}
	return nil
}

// Baseline reports whether the item measures a base. It is no run then: it trains
// nothing.
func (i *Item) Baseline() bool { return i.Job.Kind != ledger.Train && !i.reevaluates }

// Reevaluates reports whether the item evaluates an adapter that was trained before, by
// a test set, settings or metrics that are new.
func (i *Item) Reevaluates() bool { return i.reevaluates }

// Unplanned reports whether that the item is needed showed only when the plan
// was run, so that Plan.Todo doesn't count it.
func (i *Item) Unplanned() bool { return i.unplanned }

// Todo reports whether the item has to be executed.
func (i *Item) Todo(again bool) bool {
	return i.Selected && (i.Status.State != ledger.Done || again && i.Job.Kind == ledger.Train)
}
