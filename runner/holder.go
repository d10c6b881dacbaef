package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"daybook/ledger"
	"daybook/ledger/journal"
)

// A holder is a process as leases name it:
//
//	pid 4711 on host (SPACE, START)
//
// where SPACE tells apart what may count processes from the beginning under one host's name (a
// boot, a container), and START, when the process began, tells it from a later one
// that got its number. Without both nobody can know from a name that a process is
// gone.
const holderForm = "pid %d on %s (%s, %s)"

// HolderOf names a process of this machine in leases, which are seen by who waits
// and are no part of the history.
func HolderOf(pid int) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	start, alive := processStart(pid)
	if space := processSpace(); space != "" && alive {
		return fmt.Sprintf(holderForm, pid, host, space, start)
	}
	return fmt.Sprintf("pid %d on %s", pid, host)
}

// HolderName is a holder for people.
func HolderName(holder string) string {
	name, _, _ := strings.Cut(holder, " (")
	return name
}

// gone reports whether a holder is certainly no more: a process of this machine
// that has ended. Of others nobody here can say.
func gone(holder string) bool {
	var pid int
	if _, err := fmt.Sscanf(holder, "pid %d on", &pid); err != nil {
		return false
	}
	_, at, _ := strings.Cut(strings.TrimSuffix(holder, ")"), " (")
	space, start, known := strings.Cut(at, ", ")
	host, err := os.Hostname()
	if err != nil || !known || space != processSpace() || holder != fmt.Sprintf(holderForm, pid, host, space, start) {
		return false
	}
	now, alive := processStart(pid)
	return !alive || now != start
}

// lease takes an item's run. That of a process that died on this machine is taken
// over at once, not when its time is over, unless the worker that it left is still
// at it: that one ends by itself, and first writes what it has.
func (e *execution) lease(ctx context.Context, item *Item) error {
	key := item.Job.Key
	err := e.Ledger.Lease(ctx, key, e.Holder, leaseTTL)
	var held *ledger.HeldError
	if !errors.As(err, &held) || !gone(held.Holder) {
		return err
	}
	open, failed := e.Ledger.OpenAttempts(ctx, key)
	if failed != nil {
		return failed
	}
	for _, a := range open {
		if worked(e.plan.Root.journal(a.Dir)) {
			return err
		}
	}
	return e.Ledger.TakeOver(ctx, key, held.Holder, e.Holder, leaseTTL)
}

// worked reports whether the worker that began a journal still exists. One whose
// number another process has got by now is taken for it.
func worked(path string) bool {
	events, _ := readJournal(path) // as far as it is sound
	for _, event := range events {
		body, err := journal.Decode(event)
		if err != nil {
			return false
		}
		if s, ok := body.(journal.Started); ok {
			var pid int
			if _, err := fmt.Sscanf(s.Worker, "pid %d", &pid); err != nil {
				return false
			}
			_, alive := processStart(pid)
			return alive
		}
	}
	return false
}
