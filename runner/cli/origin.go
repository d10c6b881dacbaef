package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"daybook/ledger"
	"daybook/runner"
)

// origins opens the ledgers that were merged into a root, and says which can't be
// read. Close them after use.
func (e *env) origins(ctx context.Context, root runner.Root, l *ledger.Ledger) (runner.Origins, error) {
	all, missing, err := runner.OpenOrigins(ctx, root, l)
	for _, m := range missing {
		e.complain("warning: "+m.Error(), runner.HintOf(m))
	}
	return all, err
}

// ledgerAt is a ledger with the root that its paths are relative to.
type ledgerAt struct {
	root   runner.Root
	ledger *ledger.Ledger
	origin *runner.Origin // nil unless it is another machine's
}

// called is what something in the ledger is called here.
func (p ledgerAt) called(name string) string {
	if p.origin == nil {
		return name
	}
	return p.origin.Qualified(name)
}

// openPlaces opens the ledgers that references such as laptop/3f9a name, and returns
// with each what it names there. Close closes all.
func (e *env) openPlaces(ctx context.Context, refs ...string) (at []ledgerAt, rest []string, closeAll func() error, err error) {
	root, l, err := e.openLedger(ctx, ".", ledger.OpenReadOnly)
	if err != nil {
		return nil, nil, nil, err
	}
	own := ledgerAt{root: root, ledger: l}
	var all runner.Origins
	closeAll = func() error { return errors.Join(all.Close(), l.Close()) }
	for _, ref := range refs {
		if strings.Contains(ref, "/") && all == nil {
			if all, err = e.origins(ctx, root, l); err != nil {
				return nil, nil, nil, errors.Join(err, closeAll())
			}
		}
		o, name := all.Split(ref)
		rest = append(rest, name)
		if o == nil {
			at = append(at, own)
			continue
		}
		at = append(at, ledgerAt{root: o.Root, ledger: o.Ledger, origin: o})
	}
	return at, rest, closeAll, nil
}

// vouchedBy says in words what vouches for a merged log.
func vouchedBy(o ledger.Origin) string {
	if o.Unauthenticated() {
		return "unauthenticated: nobody has signed its log"
	}
	return "signed by " + o.Key
}

// ownVersion returns an error if a reference names a version of another machine, of
// which nothing is changed here.
func (e *env) ownVersion(ctx context.Context, root runner.Root, l *ledger.Ledger, verb, ref string) (err error) {
	if !strings.Contains(ref, "/") {
		return nil
	}
	all, err := e.origins(ctx, root, l)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, all.Close()) }()
	if o, rest := all.Split(ref); o != nil {
		return runner.WithHint(fmt.Errorf("%s: %s is a version of %s, which is a log of its own: nothing is added to it here", verb, ref, o.Name),
			fmt.Sprintf("do it there, to %s, and merge that ledger again", rest))
	}
	return nil
}

// knownSweep returns an error if neither a ledger nor one that was merged has a sweep.
func knownSweep(ctx context.Context, verb, sweep string, l *ledger.Ledger, all runner.Origins) error {
	_, err := l.Runs(ctx, ledger.RunFilter{Sweep: sweep, Limit: 1})
	for _, o := range all {
		if err == nil {
			return nil
		}
		if _, there := o.Ledger.Runs(ctx, ledger.RunFilter{Sweep: sweep, Limit: 1}); there == nil {
			return nil
		}
	}
	if err != nil {
		return unknownSweep(verb, err)
	}
	return nil
}
