package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
	filter := ledger.RunFilter{Sweep: sweep, WithoutSpec: !asJSON}
	if filter.State, err = parseState(state); err != nil {
		return err
	}
	_, l, err := e.openLedger(ctx, ".", ledger.OpenReadOnly)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	runs, err := l.Runs(ctx, filter)
	if err != nil {
		return unknownSweep("runs", err)
	}
	if asJSON {
		if runs == nil {
			runs = []ledger.Run{}
		}
		return printJSON(e.out, runs)
	}
	published, err := l.Adapters(ctx, ledger.AdapterFilter{})
	if err != nil {
		return err
	}
	versions := map[ledger.Digest][]ledger.Adapter{} // by run
	for _, a := range published {
		versions[a.Run] = append(versions[a.Run], a)
	}
	var rows [][]string
	for _, r := range runs {
		trained := ""
		if r.Tokens > 0 {
			trained = tokens(r.Tokens)
		}
		rows = append(rows, []string{
			short(r.Key), r.Sweep, runTitle(r), string(r.State), fmt.Sprint(len(r.Attempts)), epochCell(r), trained, seconds(r.Seconds), adapterName(r, versions[r.Key]),
		})
	}
	return printList(e.out, []string{"run", "sweep", "axes", "state", ">attempts", ">epoch", ">tokens", ">time", "adapter"}, rows)
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
func runTitle(r ledger.Run) string {
	if r.Kind == ledger.Evaluate {
		return "baseline " + r.Name
	}
	if len(r.Axes) == 0 {
		return "run " + short(r.Key)
	}
	return ledger.Label(r.Axes)
}

// adapterName returns the version that a run's adapter was published as, in the
// run's own sweep if it was, else in another that came to the same run; the digest
// if it has no version yet. Versions are all that the run's adapters were published as.
func adapterName(r ledger.Run, versions []ledger.Adapter) string {
	name := short(r.Adapter)
	for _, a := range versions {
		if a.Digest == r.Adapter && a.Epoch == r.ChosenEpoch {
			if name = a.Name(); a.Sweep == r.Sweep {
				break
			}
		}
	}
	return name
}

func epochCell(r ledger.Run) string {
	if r.ChosenEpoch == 0 {
		return ""
	}
	return fmt.Sprint(r.ChosenEpoch)
}
