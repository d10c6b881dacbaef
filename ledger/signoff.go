package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"
)

const typeSignOff = "signoff"

// Decisions lists what a person can decide about an adapter.
func Decisions() []string { return []string{"approved", "rejected", "withdrawn"} }

// SignOff is what a person decided about an adapter. A later one of the same
// person takes the place of an earlier one; both stay in the history.
type SignOff struct {
	Adapter  Digest    `json:"adapter"`
	Decision string    `json:"decision"` // one of Decisions
	Person   string    `json:"person"`   // as who ran the command gave it
	Reason   string    `json:"reason"`
	Time     time.Time `json:"time"`
}

// maxReason bounds what a person writes, in bytes: a reason, not a report.
const maxReason = 2000

func (s SignOff) check() error {
	thing := fmt.Sprintf("sign-off of %.12s", s.Adapter)
	switch {
	case !slices.Contains(Decisions(), s.Decision):
		return invalid(thing, "decision is %q, want one of %s", s.Decision, strings.Join(Decisions(), ", "))
	case strings.TrimSpace(s.Person) == "" || strings.TrimSpace(s.Reason) == "":
		return invalid(thing, "it takes a person and a reason")
	case len(s.Person) > maxReason || len(s.Reason) > maxReason:
		return invalid(thing, "person or reason is longer than %d bytes", maxReason)
	}
	return digests(thing, "adapter", s.Adapter)
}

// RecordSignOff adds what a person decided about a published adapter. The error
// wraps ErrNotFound if there is no such adapter, ErrInvalid if something is
// missing. A zero Time is the ledger's.
func (l *Ledger) RecordSignOff(ctx context.Context, s SignOff) error {
	if err := s.check(); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return l.update(ctx, func(ctx context.Context, t *transaction) error {
		var known int
		found, err := none(t.row(ctx, "SELECT 1 FROM adapters WHERE digest = ?", s.Adapter).Scan(&known))
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("adapter %.12s: %w", s.Adapter, ErrNotFound)
		}
		if s.Time.IsZero() {
			s.Time = t.time
		}
		s.Time = s.Time.UTC()
		return t.append(ctx, typeSignOff, s)
	})
}

func projectSignOff(ctx context.Context, t *transaction, e entry, s SignOff) error {
	return t.exec(ctx, "INSERT INTO signoffs (entry, adapter, decision, person, reason, time) VALUES (?, ?, ?, ?, ?, ?)",
		e.Seq, s.Adapter, s.Decision, s.Person, s.Reason, formatTime(s.Time))
}

// SignOffs returns what was decided about an adapter, oldest first.
func (l *Ledger) SignOffs(ctx context.Context, adapter Digest) ([]Cited[SignOff], error) {
	return collect(ctx, l, func(row *sql.Rows, v *Cited[SignOff]) error {
		s := &v.Fact
		return row.Scan(&v.Entry, &s.Adapter, &s.Decision, &s.Person, &s.Reason, instant{&s.Time})
	}, "SELECT entry, adapter, decision, person, reason, time FROM signoffs WHERE adapter = ? ORDER BY entry", adapter)
}
