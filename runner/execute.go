package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"daybook/ledger"
	"daybook/ledger/journal"
	"daybook/ledger/store"
)

// Timing of the hand-over between processes.
const (
	leaseTTL    = 15 * time.Second       // after which a dead process's run is free again
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
	// End tells how an attempt ended: ledger.Finished, Failed or Interrupted.
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
	Again    bool                   // train finished runs anew, and interrupted ones from the beginning
	Worker   string                 // this process, for the ledger
	Holder   string                 // this process and machine, for leases
	Start    func() (Worker, error) // starts a worker process
	Progress Progress
	Now      func() time.Time
}

// Worker is a process that works on attempts, one at a time.
type Worker interface {
	// Work makes the attempt in dir, relative to the root, and returns when the
	// worker has let go of it. Cancelling ctx asks the worker to stop at the next
	// point from which it can resume.
	Work(ctx context.Context, dir string) error
	Close() error
}

// Outcome counts how the selected runs of a plan ended.
type Outcome struct {
	Sweep       int64 // in the ledger
	Finished    int   // in this call
	Already     int   // were finished before, here or meanwhile elsewhere
	Failed      []Failure
	Interrupted int
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
func (p *Plan) Run(ctx context.Context, o RunOptions) (Outcome, error) {
	e := &execution{RunOptions: o, plan: p}
	var err error
	if e.outcome.Sweep, err = p.record(ctx, o.Ledger, o.Store); err != nil {
		return e.outcome, err
	}
	var baselines, runs []*Item
	for _, item := range p.Items {
		switch {
		case !item.Todo(o.Again):
			if item.Selected {
				e.outcome.Already++
			}
		case item.Job.Kind == ledger.Train:
			runs = append(runs, item)
		default:
			baselines = append(baselines, item)
		}
	}
	for _, phase := range [][]*Item{baselines, runs} {
		if err := e.phase(ctx, phase); err != nil {
			return e.outcome, err
		}
	}
	if err := e.rejudge(ctx); err != nil {
		return e.outcome, err
	}
	if err := e.complete(ctx); err != nil {
		return e.outcome, err
	}
	return e.outcome, nil
}

// record puts the plan's facts into the ledger, and the sweep's sources into the store.
func (p *Plan) record(ctx context.Context, l *ledger.Ledger, artifacts *store.Store) (int64, error) {
	for _, s := range p.Sweep.Sources {
		if _, err := artifacts.Put(ctx, bytes.NewReader(s.Content)); err != nil {
			return 0, err
		}
	}
	for _, d := range p.datasets {
		if err := l.RecordDataset(ctx, d); err != nil {
			return 0, err
		}
	}
	for _, s := range p.sets {
		if err := l.RecordSet(ctx, s); err != nil {
			return 0, err
		}
	}
	return l.RecordSweep(ctx, p.fact)
}

// execution is one call of Plan.Run.
type execution struct {
	RunOptions
	plan *Plan

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
	threads := e.Jobs * e.Threads / jobs
	var wg sync.WaitGroup
	for range jobs {
		wg.Go(func() {
			if err := e.serve(ctx, queue, threads); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// serve works through the queue with one worker process. Runs that another
// process holds are kept for the end.
func (e *execution) serve(ctx context.Context, queue <-chan *Item, threads int) (err error) {
	slot := &slot{start: e.Start, threads: threads}
	defer func() { err = errors.Join(err, slot.close()) }()
	var held []*Item
	for item := range queue {
		if ctx.Err() != nil {
			return nil
		}
		busy, err := e.attempt(ctx, slot, item)
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
			busy, err := e.attempt(ctx, slot, item)
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

// attempt executes one item unless another process is at it (busy) or has
// finished it meanwhile.
func (e *execution) attempt(ctx context.Context, s *slot, item *Item) (busy bool, err error) {
	key := item.Job.Key
	if err := e.Ledger.Lease(ctx, key, e.Holder, leaseTTL); err != nil {
		var held *ledger.HeldError
		if errors.As(err, &held) {
			if !item.waiting {
				item.waiting = true
				e.tell(func() { e.Progress.Held(item, held.Holder) })
			}
			return true, nil
		}
		return false, err
	}
	background := context.WithoutCancel(ctx) // an interruption is recorded too
	defer func() { err = errors.Join(err, e.Ledger.Release(background, key, e.Holder)) }()
	if err := e.catchUp(ctx, item); err != nil {
		return false, err
	}
	found, err := e.Ledger.States(ctx, []ledger.Digest{key})
	if err != nil {
		return false, err
	}
	status := found[key]
	again := item.anew || e.Again && item.Job.Kind == ledger.Train
	if status.State == ledger.Finished && !item.Judges() && (!again || item.waiting) {
		e.tell(func() {
			e.outcome.Already++
			if item.waiting {
				e.Progress.End(item, ledger.Finished, "")
			}
		})
		return false, nil
	}
	worker, err := s.worker()
	if err != nil {
		return false, err
	}
	number, err := e.Ledger.BeginAttempt(ctx, ledger.Attempt{
		Run: key, Kind: item.Job.Kind, Sweep: e.outcome.Sweep, Worker: e.Worker, Git: e.plan.fact.Git, Environment: e.plan.fact.Environment,
		Place: func(n int) string { return filepath.ToSlash(e.plan.Root.Attempt(key, n)) },
	})
	if err != nil {
		return false, err
	}
	dir := e.plan.Root.Attempt(key, number)
	job := item.Job
	job.Attempt, job.Threads = number, s.threads
	if e.resumable(status) {
		job.Resume = &Resume{Checkpoint: status.Checkpoint, Step: status.CheckpointStep, Attempt: status.CheckpointDir}
	}
	if err := job.Write(e.plan.Root.Abs(dir)); err != nil {
		return false, err
	}
	e.tell(func() { e.Progress.Begin(item, number) })
	return false, e.follow(ctx, s, worker, item, number, dir)
}

// catchUp ingests what earlier attempts at an item left in their journals.
func (e *execution) catchUp(ctx context.Context, item *Item) error {
	open, err := e.Ledger.OpenAttempts(ctx, item.Job.Key)
	if err != nil {
		return err
	}
	for _, a := range open {
		damage, err := catchUp(ctx, e.plan.Root, e.Ledger, a)
		if err != nil {
			return err
		}
		if damage != nil {
			e.tell(func() { e.Progress.Damaged(item, damage) })
		}
	}
	return nil
}

// resumable reports whether an earlier attempt left something to go on from.
func (e *execution) resumable(s ledger.RunStatus) bool {
	if e.Again || s.State == ledger.Finished || s.Checkpoint == "" {
		return false
	}
	_, err := os.Stat(e.plan.Root.Abs(s.Checkpoint)) // somebody may have made room
	return err == nil
}

// follow lets the worker work and ingests its journal meanwhile.
func (e *execution) follow(ctx context.Context, s *slot, w Worker, item *Item, number int, dir string) error {
	f := &follower{execution: e, item: item, attempt: number, path: e.plan.Root.journal(dir)}
	defer f.close()
	done := make(chan error, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		done <- w.Work(ctx, dir)
	}()
	background := context.WithoutCancel(ctx)
	// A run that can't be recorded any more must not go on without its lease.
	abandon := func(err error) error {
		s.discard()
		<-ended // as it was told; err says why
		return err
	}
	leased := e.Now()
	renew := time.NewTicker(leaseRenew)
	defer renew.Stop()
	poll := time.NewTicker(journalPoll)
	defer poll.Stop()
	for {
		select {
		case <-poll.C:
			if err := f.ingest(background); err != nil {
				return abandon(err)
			}
		case <-renew.C:
			switch err := e.Ledger.Renew(background, item.Job.Key, e.Holder, leaseTTL); {
			case err == nil:
				leased = e.Now()
			case lost(err) || e.Now().Sub(leased) > leaseTTL-leaseRenew:
				return abandon(err)
			}
		case died := <-done:
			if died != nil {
				s.discard()
			}
			if err := f.ingest(background); err != nil {
				return err
			}
			e.settle(f, died)
			return nil
		}
	}
}

// lost reports that a lease is somebody else's now, so that renewing it again is no use.
func lost(err error) bool {
	var held *ledger.HeldError
	return errors.As(err, &held) || errors.Is(err, ledger.ErrLeaseLost)
}

// settle counts and announces how an attempt ended.
func (e *execution) settle(f *follower, died error) {
	state, why, advice := ledger.Interrupted, "", ""
	switch end := f.last.(type) {
	case journal.Finished:
		state = ledger.Finished
	case journal.Failed:
		state, why, advice = ledger.Failed, end.Error, end.Hint
	case journal.Interrupted:
		why = fmt.Sprintf("stopped after step %d", end.Step)
	default: // the worker died without a word
		state, why = ledger.Failed, "the worker stopped without saying why"
		if died != nil {
			why, advice = died.Error(), HintOf(died)
		}
	}
	e.tell(func() {
		switch state {
		case ledger.Finished:
			e.outcome.Finished++
		case ledger.Failed:
			e.outcome.Failed = append(e.outcome.Failed, Failure{f.item, why, advice})
		case ledger.Interrupted, ledger.New, ledger.Running:
			e.outcome.Interrupted++
		}
		e.Progress.End(f.item, state, why)
	})
}

// tell serializes access to what is shared between workers' goroutines.
func (e *execution) tell(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
}

// follower reads one attempt's journal into the ledger.
type follower struct {
	*execution
	item    *Item
	attempt int
	path    string
	reader  *journal.Reader
	last    journal.Body
}

func (f *follower) ingest(ctx context.Context) error {
	if f.reader == nil {
		reader, err := journal.Open(f.path)
		if errors.Is(err, os.ErrNotExist) {
			return nil // the worker has not begun
		}
		if err != nil {
			return err
		}
		f.reader = reader
	}
	events, err := available(f.reader)
	if err != nil {
		return err
	}
	if len(events) == 0 {
		return nil
	}
	if err := f.Ledger.Ingest(ctx, f.item.Job.Key, f.attempt, events); err != nil {
		return err
	}
	for _, event := range events {
		body, err := journal.Decode(event)
		if err != nil {
			return err
		}
		f.last = body
		f.tell(func() { f.Progress.Event(f.item, body) })
	}
	return nil
}

func (f *follower) close() {
	if f.reader != nil {
		_ = f.reader.Close() // read only
	}
}

// slot is a place for one worker process, started when first needed and again
// after a crash.
type slot struct {
	start   func() (Worker, error)
	threads int
	now     Worker
}

func (s *slot) worker() (Worker, error) {
	if s.now == nil {
		w, err := s.start()
		if err != nil {
			return nil, err
		}
		s.now = w
	}
	return s.now, nil
}

func (s *slot) discard() {
	_ = s.close() // it has failed already, and that is reported
}

func (s *slot) close() error {
	if s.now == nil {
		return nil
	}
	w := s.now
	s.now = nil
	return w.Close()
}
