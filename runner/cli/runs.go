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
	_, l, err := e.openLedger(ctx, ".", ledger.OpenReadOnly)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if asJSON {
		runs, err := l.Runs(ctx, filter)
		if err != nil {
			return unknownSweep("runs", err)
		}
		if runs == nil {
			runs = []ledger.Run{}
		}
		return printJSON(e.out, runs)
	}
	runs, err := l.RunLines(ctx, filter)
	if err != nil {
		return unknownSweep("runs", err)
	}
	rows := make([][]string, 0, len(runs))
	for _, r := range runs {
		trained := ""
		if r.Tokens > 0 {
			trained = tokens(r.Tokens)
		}
		rows = append(rows, []string{
			short(r.Key), r.Sweep, runTitle(r.Kind, r.Name, r.Key, r.Axes), string(r.State), strconv.Itoa(r.Attempts), epochCell(r.ChosenEpoch), trained, seconds(r.Seconds), adapterName(r),
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
