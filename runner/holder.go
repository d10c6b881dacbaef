package runner

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"daybook/ledger"
)

// A Holder is this process as leases name it:
//
//	pid 4711 on host (ID)
//
// It has a lock on the file ID in the state folder, and so have its workers, which
// inherit it. The system takes the lock away when the last of them has ended,
// however that came about: whoever gets the lock knows that they are gone. Where
// files can't be locked there is no ID, and nobody can know.
type Holder struct {
	Name string
	file *os.File // locked; nil if there is no ID
}

// NewHolder makes a name for this process in a root that was prepared.
func NewHolder(root Root) (*Holder, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	h := &Holder{Name: fmt.Sprintf("pid %d on %s", os.Getpid(), host)}
	if err := os.MkdirAll(root.holders(), 0o700); err != nil {
		return nil, WithHint(fmt.Errorf("state folder: %w", err), "choose a writable folder with --root")
	}
	id := make([]byte, 8)
	if _, err := rand.Read(id); err != nil {
		return nil, fmt.Errorf("holder: %w", err)
	}
	name := hex.EncodeToString(id)
	f, err := os.OpenFile(filepath.Join(root.holders(), name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("holder: %w", err)
	}
	if locked, err := lockFile(f); err != nil || !locked {
		return h, errors.Join(f.Close(), os.Remove(f.Name())) // a lease that ends by time alone will do
	}
	h.Name += " (" + name + ")"
	h.file = f
	return h, nil
}

// Lend has the process that cmd will start keep the lock too.
func (h *Holder) Lend(cmd *exec.Cmd) {
	if h.file != nil {
		cmd.ExtraFiles = append(cmd.ExtraFiles, h.file)
	}
}

// Close gives the name up. Of a holder that is still leased something, the file
// stays without its lock, so that others see that it is gone.
func (h *Holder) Close(leased bool) error {
	if h.file == nil {
		return nil
	}
	forgetHolders(filepath.Dir(h.file.Name()))
	if leased {
		return h.file.Close()
	}
	return errors.Join(os.Remove(h.file.Name()), h.file.Close())
}

// lockTime is more than it takes to lock a file that was just made.
const lockTime = time.Minute

// HolderName is a holder for people.
func HolderName(holder string) string {
	name, _, _ := strings.Cut(holder, " (")
	return name
}

// holders is the folder of the files that holders lock.
func (r Root) holders() string { return filepath.Join(r.State(), "holders") }

// gone reports whether a holder is certainly no more, nor any worker of its: a
// process of this host that has ended. Of others nobody here can say, since some
// shared folders keep locks to each machine.
func (r Root) gone(holder string) bool {
	var pid int
	name, id, known := strings.Cut(strings.TrimSuffix(holder, ")"), " (")
	host, err := os.Hostname()
	if _, scanned := fmt.Sscanf(name, "pid %d on", &pid); err != nil || scanned != nil || !known || name != fmt.Sprintf("pid %d on %s", pid, host) {
		return false
	}
	if _, err := hex.DecodeString(id); err != nil {
		return false // no name of a file
	}
	return abandoned(filepath.Join(r.holders(), id))
}

// abandoned reports whether a holder's file is there and nobody has it locked.
func abandoned(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // with the lock
	locked, err := lockFile(f)
	return err == nil && locked
}

// forgetHolders removes what holders left that had no time to close. It comes
// last in a command, when the leases that they left have been taken over.
func forgetHolders(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // and try again another time
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		info, err := entry.Info()
		if err == nil && time.Since(info.ModTime()) > lockTime && abandoned(path) {
			_ = os.Remove(path) // or the next one does
		}
	}
}

// lease takes an item's run. That of a process that died on this machine is taken
// over at once, not when its time is over, unless a worker that it left is still
// at it: that one ends by itself, and first writes what it has.
func (e *execution) lease(ctx context.Context, item *Item) error {
	key := item.Job.Key
	err := e.Ledger.Lease(ctx, key, e.Holder, leaseTTL)
	var held *ledger.HeldError
	if !errors.As(err, &held) || !e.plan.Root.gone(held.Holder) {
		return err
	}
	return e.Ledger.TakeOver(ctx, key, held.Holder, e.Holder, leaseTTL)
}
