package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"daybook/ledger"
	"daybook/runner"
)

// ledgerMergeFlags say how to take in another machine's ledger.
type ledgerMergeFlags struct {
	name string
	key  string
	json bool
}

func newLedgerMergeCommand(e *env) *cobra.Command {
	var f ledgerMergeFlags
	cmd := &cobra.Command{
		Use:   "merge OTHER",
		Short: "Bring in another machine's runs and adapters, or what is new of them",
		Long: `Merge brings in what another ledger has: runs, results and published adapters. OTHER
is its root, its .daybook or its ledger.db, copied here or mounted; it may be in use,
and nothing is written to it. A bundle that 'daybook verify --bundle' wrote there will do
too, but for the adapters, which are in none.

It stays a log of its own. All of it is verified first, and its signed head becomes an
entry of the ledger here, so that the next merge, and every 'daybook verify', hold it
against what it said: a log that is shorter, or another one from some entry on, is
refused with exit code 4, and what was merged stays. Merging the same again changes
nothing. The first time, whatever key has signed it is believed, and printed; --key
demands one. A ledger that nobody has signed is taken in as unauthenticated.

Its versions keep their numbers after its name, as in laptop/clinical@v7, and that name
goes wherever an adapter is named. Runs have the same key on every machine: 'report'
prints one table of a sweep that several split with --only, and 'plan' and 'run' count
as done what one of them has finished. Identifiers of records and predictions stay
where they are, so that trained-on is answered there.

OTHER may also be a folder of runs without a ledger, as workers leave it. What their
journals say is then added to the ledger here, each attempt marked as unauthenticated:
runs show it as claimed, and so does every audit.

Ledgers that OTHER has merged itself are left out, and named: each is signed by its own
machine. Merge them from there, or from OTHER/.daybook/origins/NAME.`,
		Example: `  daybook ledger merge /mnt/laptop/clinical
  daybook ledger merge usb/clinical --as laptop --key 'daybook/4be1...+71b0c26f+AZ...'
  daybook audit laptop/clinical@v7
  daybook ledger merge /mnt/laptop/clinical/.daybook/origins/desk
  daybook ledger merge laptop.zip`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runLedgerMerge(cmd.Context(), e, args[0], f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.name, "as", "", "`name` of the other ledger here: letters, digits and - (default: that of its folder)")
	flags.StringVar(&f.key, "key", "", "the other ledger's public `key`, or a file that holds it, as its owner gave it to you")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

func runLedgerMerge(ctx context.Context, e *env, other string, f ledgerMergeFlags) (err error) {
	if f.name != "" && !ledger.ValidOriginName(f.name) {
		return usageError{runner.WithHint(fmt.Errorf("--as: %q is no name", f.name), "letters, digits and - inside, 63 at the most")}
	}
	if f.key, err = keyOf(f.key); err != nil {
		return err
	}
	root, err := e.findRoot(".")
	if err != nil {
		return err
	}
	if err := root.Prepare(); err != nil {
		return err
	}
	l, err := ledger.Open(ctx, root.Ledger(), e.ledgerOptions())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if dir := runner.JournalsIn(other); dir != "" {
		if f.name != "" || f.key != "" {
			return usageError{runner.WithHint(fmt.Errorf("ledger merge: %s: --as and --key are about a ledger, and there are only journals", other), "journals are nobody's word: what they say is marked so")}
		}
		return mergeJournals(ctx, e, root, l, dir, f.json)
	}
	m := newMeter(e.err)
	defer m.close()
	merged, err := runner.MergeLedger(ctx, root, l, other, runner.MergeLedgerOptions{Name: f.name, Key: f.key, Progress: m.part("entries")})
	if refused := (*runner.RefusedError)(nil); errors.As(err, &refused) {
		var rows [][]string
		for _, p := range refused.Problems {
			rows = append(rows, []string{"MISMATCH", p.String()})
		}
		return errors.Join(printList(e.out, []string{"", ""}, rows), runner.WithHint(fmt.Errorf("%w: %w", errMismatch, err), refused.Advice))
	}
	if errors.Is(err, ledger.ErrMismatch) {
		return fmt.Errorf("%w: %w", errMismatch, err)
	}
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(e.out, merged)
	}
	return printMerged(e, merged)
}

// mergeJournals takes in what another machine has without a ledger.
func mergeJournals(ctx context.Context, e *env, root runner.Root, l *ledger.Ledger, dir string, asJSON bool) (err error) {
	all, err := e.origins(ctx, root, l)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, all.Close()) }()
	found, err := runner.MergeJournals(ctx, root, l, all, dir)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(e.out, found)
	}
	state := fmt.Sprintf("%s, %d of them new here, %d finished; %s added", count(found.Attempts, "attempt"), found.New, found.Finished, count(found.Events, "event"))
	if found.Events == 0 {
		state = "already here: " + count(found.Attempts-found.Passed, "attempt")
	}
	rows := [][]string{{"journals", state}, {"UNAUTHENTICATED", "there is no ledger with them, and nobody has signed them: what they say is their own claim"}}
	if found.Passed > 0 {
		rows = append(rows, []string{"passed over", count(found.Passed, "attempt") + " at runs that are finished here"})
	}
	for _, key := range found.Unplanned {
		rows = append(rows, []string{"not planned", "run " + short(key) + ": it is listed once a sweep here has it"})
	}
	for _, damage := range found.Damaged {
		rows = append(rows, []string{"damaged", damage})
	}
	return printList(e.out, []string{"", ""}, rows)
}

func printMerged(e *env, m *runner.MergedLedger) error {
	state := fmt.Sprintf("%d entries", m.Entries)
	switch {
	case m.Already:
		state = "already here: " + state
	case m.Before > 0 && m.Before == m.Entries:
		state = "its log was here; what was missing of its files is now: " + state
	case m.Before > 0:
		state += fmt.Sprintf(", %d of them new", m.Entries-m.Before)
	}
	rows := [][]string{{m.Name, state}}
	if m.Unauthenticated() {
		rows = append(rows, []string{"UNAUTHENTICATED", "nobody has signed its log: what it says is its own claim"})
	} else {
		rows = append(rows, []string{"key", m.Key})
	}
	rows = append(rows, []string{"here", fmt.Sprintf("%s with results, %s, of which %d were brought here now", count(m.Runs, "run"), count(m.Adapters, "adapter version"), m.Copied)})
	for _, missing := range m.Missing {
		rows = append(rows, []string{"not there", missing})
	}
	if len(m.LeftOut) > 0 {
		rows = append(rows, []string{"left out", fmt.Sprintf("what it has merged itself: %s; merge each from its own machine, or from .daybook/origins/NAME there", strings.Join(m.LeftOut, ", "))})
	}
	for _, note := range m.Notes {
		rows = append(rows, []string{"note", note})
	}
	return printList(e.out, []string{"", ""}, rows)
}

func newLedgerOriginsCommand(e *env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "origins",
		Short:   "List the ledgers that were merged",
		Example: "  daybook ledger origins",
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			_, l, err := e.openLedger(cmd.Context(), ".", ledger.OpenReadOnly)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, l.Close()) }()
			all, err := l.Origins(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(e.out, append([]ledger.Origin{}, all...))
			}
			var rows [][]string
			for _, o := range all {
				key := o.Key
				if o.Unauthenticated() {
					key = "unauthenticated"
				}
				rows = append(rows, []string{o.Name, fmt.Sprint(o.Entries), fmt.Sprint(o.Entry), key})
			}
			return printList(e.out, []string{"origin", ">entries", ">merged by entry", "public key"}, rows)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
