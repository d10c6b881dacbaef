package runner

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"daybook/ledger"
)

// attempt executes one item unless another process is running it (busy) or has
// finished it meanwhile.
func (e *execution) attempt(ctx context.Context, s *slot, item *Item) (busy bool, err error) {
	key := item.Job.Key
	if err := e.lease(ctx, item); err != nil {
		var held *ledger.HeldError
		if errors.As(err, &held) {
			if !item.waiting {
				item.waiting = true
				e.tell(func() { e.Progress.Held(item, HolderName(held.Holder)) })
			}
			return true, nil
		}
		return false, err
	}
	background := context.WithoutCancel(ctx) // an interruption is recorded too
	defer func() {
		if unreleased := e.Ledger.Release(background, key, e.Holder); unreleased != nil {
			e.tell(func() { e.outcome.Leased = true })
			err = cmp.Or(err, unreleased) // where the disk is full, both say so
		}
	}()
	if err := e.catchUp(ctx, item); err != nil {
		return false, err
	}
	found, err := e.Ledger.States(ctx, []ledger.Digest{key})
	if err != nil {
		return false, err
	}
	status := found[key]
	again := item.unplanned || e.Again && item.Job.Kind == ledger.Train
	if status.State == ledger.Done && !item.Reevaluates() && (!again || item.waiting) {
		e.tell(func() {
			e.outcome.Already++
			if item.waiting {
				e.Progress.End(item, ledger.Done, "")
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
	job.Attempt, job.Threads, job.Device, job.Memory = number, s.threads, s.device, e.Memory
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
	if e.Again || s.State == ledger.Done || s.Checkpoint == "" {
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
		done <- w.Work(ctx, dir, func(a Answered) {
			e.tell(func() { e.Progress.Answered(item, a) })
		})
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
