package runner

import (
	"context"
	"errors"
	"sync"
	"time"

	"daybook/ledger"
	"daybook/ledger/journal"
	"daybook/ledger/store"
)

// Timing of the hand-over between processes.
const (
	leaseTTL    = 15 * time.Second       // after which the run of a process that died elsewhere is free again
	leaseRenew  = 5 * time.Second        // a third, so that two renewals may fail
	journalPoll = 100 * time.Millisecond // how soon a worker's event is seen
	heldPoll    = 500 * time.Millisecond // how soon another process's result is seen
)

// Progress hears what happens while a plan is executed. Its methods are called
// from several goroutines, never two at once.
type Progress interface {
	// Begin announces an attempt.
	Begin(item *Item, attempt int)
	// Event passes on a journal event.
	Event(item *Item, e journal.Body)
	// Answered tells how far an evaluation is.
	Answered(item *Item, a Answered)
	// End tells how an attempt ended: ledger.Done, Failed or Interrupted.
	End(item *Item, state ledger.State, why string)
	// Held announces that another process works on the run.
	Held(item *Item, holder string)
	// Published announces an adapter.
	Published(item *Item, a ledger.Adapter)
	// Damaged tells of an earlier attempt's journal that is sound only in part, and
	// is passed over from there on.
	Damaged(item *Item, err error)
}

// RunOptions say how to execute a plan.
type RunOptions struct {
	Ledger   *ledger.Ledger
	Store    *store.Store
	Jobs     int                    // runs in parallel
	Threads  int                    // of each, if there are as many runs as jobs
	Devices  []string               // what jobs compute on, in turn; of one numerics class
	Memory   int64                  // bytes that a job may take of a GPU; 0: all that is free
	Again    bool                   // train finished runs again, and interrupted ones from the beginning
	Worker   string                 // this process, for the ledger
	Holder   string                 // this process and machine, for leases
	Start    func() (Worker, error) // starts a worker process
	Progress Progress
	Now      func() time.Time
}

// Worker is a process that works on attempts, one at a time.
type Worker interface {
	// Work makes the attempt in dir, relative to the root, and returns when the
	// worker has let go of it. Meanwhile hear is told how far evaluations are.
	// Cancelling ctx asks the worker to stop at the next point from which it can
	// resume.
	Work(ctx context.Context, dir string, hear func(Answered)) error
	Close() error
}

// Outcome says how the selected runs and baselines of a plan ended.
type Outcome struct {
	Sweep       int64 // in the ledger
	Finished    int   // in this call
	Already     int   // were finished before, here or meanwhile elsewhere
	Failed      []Failure
	Interrupted []*Item
	Leased      bool // a lease could not be given back; it ends with its holder
}

// Failure is a run that failed, and why.
type Failure struct {
	Item  *Item
	Error string
	Hint  string
}

// Run does what the plan lists: baselines first, then training runs. It goes on
// after a failed run. The error is about Daybook's own work (the ledger, the
// disk, a cancelled ctx), not about a run that failed.
func (p *Plan) Run(ctx context.Context, o RunOptions) (outcome Outcome, err error) {
	e := &execution{RunOptions: o, plan: p}
	defer func() { err = errors.Join(err, e.resize(0)) }()
	if e.outcome.Sweep, err = p.record(ctx, o.Ledger, o.Store); err != nil {
		return e.outcome, err
	}
	baselines, runs, done := p.todo(o.Again)
	e.outcome.Already = done
	for _, phase := range [][]*Item{baselines, runs} {
		if err := e.phase(ctx, phase); err != nil {
			return e.outcome, err
		}
	}
	if err := e.reevaluate(ctx); err != nil {
		return e.outcome, err
	}
	if err := e.complete(ctx); err != nil {
		return e.outcome, err
	}
	return e.outcome, nil
}

// execution is one call of Plan.Run.
type execution struct {
	RunOptions
	plan  *Plan
	slots []*slot // kept from phase to phase, with the bases that their workers have loaded

	mu      sync.Mutex // guards Progress and outcome
	outcome Outcome
}

// phase executes items with as many workers as there are jobs.
func (e *execution) phase(ctx context.Context, items []*Item) error {
	if len(items) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan *Item, len(items))
	for _, item := range items {
		queue <- item
	}
	close(queue)
	jobs := min(e.Jobs, len(items))
	if err := e.resize(jobs); err != nil {
		return err
	}
	var wg sync.WaitGroup
	for _, s := range e.slots {
		s.threads = e.Jobs * e.Threads / jobs
		wg.Go(func() {
			if err := e.serve(ctx, queue, s); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// resize leaves n slots. Those that it closes were idle.
func (e *execution) resize(n int) error {
	var errs []error
	for len(e.slots) > n {
		last := len(e.slots) - 1
		errs = append(errs, e.slots[last].close())
		e.slots = e.slots[:last]
	}
	for len(e.slots) < n {
		e.slots = append(e.slots, &slot{start: e.Start, device: e.Devices[len(e.slots)%len(e.Devices)]})
	}
	return errors.Join(errs...)
}

// serve works through the queue in one slot. Runs that another process holds are
// kept for the end.
func (e *execution) serve(ctx context.Context, queue <-chan *Item, s *slot) error {
	var held []*Item
	for item := range queue {
		if ctx.Err() != nil {
			return nil
		}
		busy, err := e.attempt(ctx, s, item)
		if err != nil {
			return err
		}
		if busy {
			held = append(held, item)
		}
	}
	for _, item := range held {
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(heldPoll):
			}
			busy, err := e.attempt(ctx, s, item)
			if err != nil {
				return err
			}
			if !busy {
				break
			}
		}
	}
	return nil
}

// finished returns the run behind an item as the ledger has it, and whether it is
// finished.
func (e *execution) finished(ctx context.Context, item *Item) (run ledger.Run, ok bool, err error) {
	run, err = e.Ledger.Run(ctx, item.Job.Key)
	if errors.Is(err, ledger.ErrNotFound) {
		return run, false, nil
	}
	return run, err == nil && run.State == ledger.Done, err
}

// tell serializes access to what is shared between workers' goroutines.
func (e *execution) tell(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
}
