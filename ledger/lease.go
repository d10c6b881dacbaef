package ledger

import (
	"context"
	"fmt"
	"time"
)

// Lease takes a run for holder until ttl from now, so that no other process
// works on it. The error is a *HeldError if somebody else has it and their time
// is not over. Taking a lease that holder already has makes it longer. Leases
// are no part of the history.
func (l *Ledger) Lease(ctx context.Context, run Digest, holder string, ttl time.Duration) error {
	return l.lease(ctx, run, holder, ttl, true)
}

// Renew makes a lease longer: until ttl from now. The error is a *HeldError if
// somebody else has taken it meanwhile, and wraps ErrLeaseLost if it ran out and
// was given up.
func (l *Ledger) Renew(ctx context.Context, run Digest, holder string, ttl time.Duration) error {
	return l.lease(ctx, run, holder, ttl, false)
}

func (l *Ledger) lease(ctx context.Context, run Digest, holder string, ttl time.Duration, take bool) error {
	if err := digests("lease", "run", run); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if holder == "" || ttl <= 0 {
		return fmt.Errorf("ledger: %w", invalid("lease", "holder is %q, time is %s", holder, ttl))
	}
	return l.update(ctx, func(ctx context.Context, t *transaction) error {
		var current string
		var until int64
		found, err := none(t.row(ctx, "SELECT holder, until FROM leases WHERE run = ?", run).Scan(&current, &until))
		switch {
		case err != nil:
			return err
		case found && current != holder && (until > t.time.UnixMilli() || !take):
			return &HeldError{Run: run, Holder: current, Until: time.UnixMilli(until).UTC()}
		case !found && !take:
			return fmt.Errorf("run %.12s: %w", run, ErrLeaseLost)
		}
		return t.exec(ctx, "INSERT INTO leases (run, holder, until) VALUES (?, ?, ?) ON CONFLICT (run) DO UPDATE SET holder = excluded.holder, until = excluded.until",
			run, holder, t.time.Add(ttl).UnixMilli())
	})
}

// TakeOver takes the lease that from has, of whom the caller knows that it is no
// more, and makes it holder's until ttl from now. The error is a *HeldError if
// somebody else was faster.
func (l *Ledger) TakeOver(ctx context.Context, run Digest, from, holder string, ttl time.Duration) error {
	err := l.update(ctx, func(ctx context.Context, t *transaction) error {
		return t.exec(ctx, "DELETE FROM leases WHERE run = ? AND holder = ?", run, from)
	})
	if err != nil {
		return err
	}
	return l.Lease(ctx, run, holder, ttl)
}

// Release gives a lease back. It does nothing if holder doesn't have it.
func (l *Ledger) Release(ctx context.Context, run Digest, holder string) error {
	return l.update(ctx, func(ctx context.Context, t *transaction) error {
		return t.exec(ctx, "DELETE FROM leases WHERE run = ? AND holder = ?", run, holder)
	})
}
