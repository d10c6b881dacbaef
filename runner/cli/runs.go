package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"daybook/ledger"
	"daybook/runner"
)

func newRunsCommand(e *env) *cobra.Command {
	var sweep, state string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "List runs and baselines with their state",
		Example: `  daybook runs
  daybook runs --sweep clinical --state failed --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runRuns(cmd.Context(), e, sweep, state, asJSON)
		},
	}
	cmd.Flags().StringVar(&sweep, "sweep", "", "only what this `sweep` planned last")
	cmd.Flags().StringVar(&state, "state", "", "only runs in this `state`: new, running, resumable, failed or done")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func runRuns(ctx context.Context, e *env, sweep, state string, asJSON bool) (err error) {
	filter := ledger.RunFilter{Sweep: sweep}
	if filter.State, err = parseState(state); err != nil {
		return err
	}
	root, l, err := e.openLedger(ctx, ".", ledger.OpenReadOnly)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	all, err := e.origins(ctx, root, l)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, all.Close()) }()
	if sweep != "" {
		if err := knownSweep(ctx, "runs", sweep, l, all); err != nil {
			return err
		}
	}
	places := []ledgerAt{{root: root, ledger: l}}
	for _, o := range all {
		places = append(places, ledgerAt{root: o.Root, ledger: o.Ledger, origin: o})
	}
	if asJSON {
		list := []listedRun{}
		for _, at := range places {
			if list, err = at.appendRuns(ctx, list, filter); err != nil {
				return err
			}
		}
		return printJSON(e.out, list)
	}
	header := []string{"run", "sweep", "axes", "state", ">attempts", ">epoch", ">tokens", ">time", "adapter"}
	if len(all) > 0 {
		header = append(header, "origin")
	}
	var rows [][]string
	for _, at := range places {
		if rows, err = at.appendLines(ctx, rows, filter, len(all) > 0); err != nil {
			return err
		}
	}
	return printList(e.out, header, rows)
}

// listedRun is a run with the ledger that it is in.
type listedRun struct {
	ledger.Run
	Origin string `json:"origin,omitempty"` // merged ledger; "" for this one
}

// appendRuns appends a ledger's runs.
func (p ledgerAt) appendRuns(ctx context.Context, list []listedRun, filter ledger.RunFilter) ([]listedRun, error) {
	runs, err := p.ledger.Runs(ctx, filter)
	if err = p.lacks(filter.Sweep, err); err != nil {
		return nil, err
	}
	for _, r := range runs {
		item := listedRun{Run: r}
		if p.origin != nil {
			item.Origin = p.origin.Name
		}
		list = append(list, item)
	}
	return list, nil
}

// lacks takes it that a ledger doesn't have a sweep, which another one has.
func (p ledgerAt) lacks(sweep string, err error) error {
	if sweep != "" && errors.Is(err, ledger.ErrNotFound) {
		return nil
	}
	if err != nil && p.origin != nil {
		return fmt.Errorf("origin %s: %w", p.origin.Name, err)
	}
	return err
}

// appendLines appends a line for each of a ledger's runs.
func (p ledgerAt) appendLines(ctx context.Context, rows [][]string, filter ledger.RunFilter, origin bool) ([][]string, error) {
	runs, err := p.ledger.RunLines(ctx, filter)
	if err = p.lacks(filter.Sweep, err); err != nil {
		return nil, err
	}
	rows = slices.Grow(rows, len(runs))
	for _, r := range runs {
		trained := ""
		if r.Tokens > 0 {
			trained = tokens(r.Tokens)
		}
		state, name := string(r.State), adapterName(r)
		if r.Unauthenticated {
			state += ", claimed"
		}
		if r.Published != nil {
			name = p.called(name)
		}
		row := []string{
			short(r.Key), r.Sweep, runTitle(r.Kind, r.Name, r.Key, r.Axes), state, strconv.Itoa(r.Attempts), epochCell(r.ChosenEpoch), trained, seconds(r.Seconds), name,
		}
		switch {
		case origin && p.origin != nil:
			row = append(row, p.origin.Name)
		case origin:
			row = append(row, "")
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// unknownSweep adds to an error what to do if a verb was given a sweep that there isn't.
func unknownSweep(verb string, err error) error {
	err = fmt.Errorf("%s: %w", verb, err)
	if errors.Is(err, ledger.ErrNotFound) {
		return runner.WithHint(err, "'daybook runs' lists what has been run")
	}
	return err
}

// parseState reads a state; "" stays "".
func parseState(word string) (ledger.State, error) {
	if s := ledger.State(word); word == "" || slices.Contains(ledger.States(), s) {
		return s, nil
	}
	return "", usageError{runner.WithHint(fmt.Errorf("--state: no state %q", word), "states are new, running, resumable, failed and done")}
}

// runTitle names a run for people: a baseline, its choices, or its key.
func runTitle(kind ledger.Kind, name string, key ledger.Digest, axes []ledger.Choice) string {
	if kind == ledger.Evaluate {
		return "baseline " + name
	}
	if len(axes) == 0 {
		return "run " + short(key)
	}
	return ledger.Label(axes)
}

// adapterName returns the version that a run's adapter was published as; the digest
// if it has no version yet.
func adapterName(r ledger.RunLine) string {
	if r.Published == nil {
		return short(r.Adapter)
	}
	return r.Published.Name()
}

func epochCell(epoch int) string {
	if epoch == 0 {
		return ""
	}
	return strconv.Itoa(epoch)
}
