package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"daybook/ledger"
	"daybook/ledger/attest"
	"daybook/reports/audit"
	"daybook/runner"
)

// withoutLedger audits an adapter by what is in its folder, if no ledger here has
// it; it returns nil if one has, or if the folder has no provenance.
func (e *env) withoutLedger(ctx context.Context, folder, key string) (*audit.Audit, error) {
	switch known, err := e.known(ctx, folder); {
	case err != nil:
		return nil, err
	case known:
		return nil, nil
	}
	if _, err := os.Stat(filepath.Join(folder, attest.EnvelopeFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if key == "" {
		return nil, usageError{runner.WithHint(fmt.Errorf("audit: %s: no ledger here has this adapter, and its own provenance is worth what its key is", filepath.Base(folder)),
			"--key is the ledger's public key ('daybook ledger key' prints it there), as its owner gave it to you; --root names the folder of a ledger")}
	}
	if _, err := note.NewVerifier(key); err != nil {
		return nil, usageError{runner.WithHint(fmt.Errorf("--key: %w", err), "'daybook ledger key' prints a ledger's public key")}
	}
	proved, err := attest.ReadFolder(ctx, folder, key)
	if errors.Is(err, attest.ErrOtherKey) {
		return nil, runner.WithHint(fmt.Errorf("audit: %s: %w: %w", filepath.Base(folder), errMismatch, err),
			"if yours was replaced, the folder has the statements on that in "+attest.KeysFile+", unless an older build wrote it, or it was signed before there was yours: ask the ledger's owner for the log ('daybook verify --bundle' there), which has them all")
	}
	if errors.Is(err, attest.ErrTampered) {
		return nil, runner.WithHint(fmt.Errorf("audit: %s: %w: %w", filepath.Base(folder), errMismatch, err),
			"the folder, or the key, is not what its ledger's owner gave out; ask them for both again")
	}
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	looked, err := runner.Look(ctx, runner.Root{}, nil, proved.Trace, folder)
	if err != nil {
		return nil, err
	}
	by := "the key that was given"
	if n := len(proved.Replaced); n > 0 {
		by = fmt.Sprintf("the key that follows, by %s (%s), from the one that was given", count(n, "replacement"), "entry "+strings.Trim(fmt.Sprint(proved.Replaced), "[]"))
	}
	return audit.New(audit.Subject{Trace: proved.Trace}, audit.Evidence{
		Log: fmt.Sprintf("the provenance in the folder; it is named by entry %d, which is proved to be in the log of %d entries whose head, root %s, is signed by %s, %s",
			proved.Trace.Adapter.Entry, proved.Head.Size, proved.Head.Root, by, key),
		Cite: "entry %d, as the provenance cites it", Seen: looked.Seen, Problems: looked.Problems,
	})
}

// known reports whether a ledger here has the adapter in a folder, or one that was
// published there.
func (e *env) known(ctx context.Context, folder string) (known bool, err error) {
	root, l, err := e.openLedgerIfAny(ctx, ".")
	if err != nil || l == nil {
		return false, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	_, err = findAdapter(ctx, l, root, folder, folder)
	if errors.Is(err, ledger.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
