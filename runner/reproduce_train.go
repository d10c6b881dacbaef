package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"daybook/ledger"
	"daybook/ledger/journal"
)

// RetrainOptions say how to train reproductions.
type RetrainOptions struct {
	Root     Root
	Ledger   *ledger.Ledger
	Record   bool // in the ledger
	Altered  bool // also what is not as recorded; that is no reproduction, and is never recorded
	Jobs     int
	Threads  int   // of each
	Memory   int64 // bytes that a job may take of a GPU; 0: all that is free
	Progress Progress
	// Start starts a worker in a root that can't read what is below hidden.
	Start    func(root Root, hidden []string) (Worker, error)
	Confines bool // Start can have the system see to that
}

// Hidden returns the folders with what runs left: state and published adapters.
func (r Root) Hidden() []string { return []string{r.State(), r.Adapters("")} }

// Retrain trains reproductions and compares. How each ended is in its Fact and
// Err, the error is ctx's.
func Retrain(ctx context.Context, all []*Reproduction, o RetrainOptions) error {
	o.Progress = &oneByOne{Progress: o.Progress}
	var group errgroup.Group
	group.SetLimit(max(1, o.Jobs))
	for _, r := range all {
		if r.item == nil || len(r.Changed) > 0 && !o.Altered {
			continue
		}
		group.Go(func() error {
			if ctx.Err() == nil {
				if err := r.reproduce(ctx, o); err != nil {
					r.Err = fmt.Errorf("run %.12s: %w", r.Run.Key, err)
				}
			}
			return r.Close()
		})
	}
	err := group.Wait()
	return errors.Join(ctx.Err(), err)
}

func (r *Reproduction) reproduce(ctx context.Context, o RetrainOptions) error {
	o.Progress.Begin(r.item, 1)
	t := &retraining{Reproduction: r, RetrainOptions: o}
	err := t.train(ctx)
	var fact *ledger.Reproduction
	if err == nil {
		fact, err = t.compare(ctx)
	}
	switch {
	case ctx.Err() != nil:
		return err // whoever stops it knows
	case err != nil:
		o.Progress.End(r.item, ledger.Failed, err.Error())
		return err
	}
	o.Progress.End(r.item, ledger.Done, "")
	r.Fact = fact
	if !o.Record || len(r.Changed) > 0 {
		return nil
	}
	return o.Ledger.RecordReproduction(context.WithoutCancel(ctx), *fact)
}

// retraining is a reproduction in progress, with what its journal says.
type retraining struct {
	*Reproduction
	RetrainOptions
	started   journal.Started
	steps     []journal.Step
	evaluated []journal.Evaluated
	finished  journal.Finished
	last      journal.Body
}

// dir is the attempt's folder.
func (t *retraining) dir() string { return t.scratch.Attempt(t.item.Job.Key, 1) }

// train has a worker of its own do the job, and reads its journal meanwhile.
func (t *retraining) train(ctx context.Context) (err error) {
	job := t.item.Job
	job.Threads, job.Memory = t.Threads, t.Memory
	if err := job.Write(t.scratch.Abs(t.dir())); err != nil {
		return err
	}
	w, err := t.Start(t.scratch, t.Root.Hidden())
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() {
		err := w.Work(ctx, t.dir(), func(a Answered) { t.Progress.Answered(t.item, a) })
		if err != nil {
			_ = w.Close() // it failed already
		} else {
			err = w.Close()
		}
		ended <- err
	}()
	var events *journal.Reader
	defer func() {
		if events != nil {
			_ = events.Close() // read only
		}
	}()
	read := func() error {
		if events == nil {
			opened, err := journal.Open(t.scratch.journal(t.dir()))
			if errors.Is(err, os.ErrNotExist) {
				return nil // the worker has not begun
			}
			if err != nil {
				return err
			}
			events = opened
		}
		found, err := available(events)
		for _, e := range found {
			body, err := journal.Decode(e)
			if err != nil {
				return err
			}
			t.hear(body)
		}
		return err
	}
	poll := time.NewTicker(journalPoll)
	defer poll.Stop()
	for {
		select {
		case <-poll.C:
			if bad := read(); bad != nil {
				return errors.Join(bad, <-ended)
			}
		case died := <-ended:
			if bad := read(); bad != nil {
				return bad
			}
			return t.ending(ctx, died)
		}
	}
}

// hear keeps what is compared later.
func (t *retraining) hear(body journal.Body) {
	switch b := body.(type) {
	case journal.Started:
		t.started = b
	case journal.Step:
		t.steps = append(t.steps, b)
	case journal.Evaluated:
		t.evaluated = append(t.evaluated, b)
	case journal.Finished:
		t.finished = b
	}
	t.last = body
	t.Progress.Event(t.item, body)
}

// ending returns why the worker has not finished, if it hasn't.
func (t *retraining) ending(ctx context.Context, died error) error {
	switch end := t.last.(type) {
	case journal.Finished:
		return died
	case journal.Failed:
		return WithHint(fmt.Errorf("after step %d: %s", end.Step, end.Error), end.Hint)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if died == nil {
		died = errors.New("the worker stopped without saying why")
	}
	return died
}

// oneByOne passes on what happens to a Progress that hears one thing at a time.
type oneByOne struct {
	Progress
	mu sync.Mutex
}

func (p *oneByOne) Begin(item *Item, attempt int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Progress.Begin(item, attempt)
}

func (p *oneByOne) Event(item *Item, e journal.Body) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Progress.Event(item, e)
}

func (p *oneByOne) Answered(item *Item, a Answered) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Progress.Answered(item, a)
}

func (p *oneByOne) End(item *Item, state ledger.State, why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Progress.End(item, state, why)
}
