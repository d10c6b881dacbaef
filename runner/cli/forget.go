package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"daybook/ledger"
	"daybook/runner"
)

// forgetFlags say how to forget records.
type forgetFlags struct {
	jsonl  bool
	json   bool
	dryRun bool
	yes    bool
}

func newForgetCommand(e *env) *cobra.Command {
	var f forgetFlags
	cmd := &cobra.Command{
		Use:   "forget RECORD...",
		Short: "Remove a record's identifiers and predictions, and leave a tombstone",
		Long: `Forget removes what this root keeps of records: their identifiers in the ledger's
index, the keys of every commitment to a set that they are in, predictions about
them, and files of attempts that name them. RECORD is as for trained-on; records are
found by their ID or by what they say, not by what is only near.

The log gets an entry that names the sets and not the record. What is left of the
sets is committed to anew, and 'verify' stays sound; what the commitments from before
held can't be proved any more, of any record. Runs that were trained or judged on the
record can't be repeated: show, audit and reproduce say so.

It doesn't touch your data, the adapters that were trained on the record, or copies
elsewhere: backups, bundles, proof files that you gave away, folders of attempts on
other machines, which bring identifiers back if they come back. Take the record out
of the data too, or the next run of the same sweep has the ledger keep it again, and
train again with what 'trained-on --retrain-plan' wrote before.
Who has all other records of a file, or of a set in its order, can still test a guess
against their plain digests, which stay in the log.

It asks nothing: --dry-run says what would be done, --yes does it.`,
		Example: `  daybook forget note.json --dry-run
  daybook forget note.json --yes
  daybook forget withdrawn.jsonl --jsonl --yes`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.yes == f.dryRun {
				return usageError{runner.WithHint(errors.New("forget: give --dry-run or --yes"), "what is forgotten can't be brought back: look with --dry-run first")}
			}
			return runForget(cmd.Context(), e, args, f)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.jsonl, "jsonl", false, "files hold one record on each line")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	flags.BoolVar(&f.dryRun, "dry-run", false, "say what would be removed, and remove nothing")
	flags.BoolVar(&f.yes, "yes", false, "remove it")
	return cmd
}

func runForget(ctx context.Context, e *env, args []string, f forgetFlags) (err error) {
	open := opener(ledger.Open)
	if f.dryRun {
		open = ledger.OpenReadOnly
	}
	root, l, err := e.openLedger(ctx, ".", open)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	key, subjects, err := e.asked(ctx, root, l, args, f.jsonl)
	if err != nil {
		return err
	}
	if !f.dryRun {
		damaged, err := runner.CatchUp(ctx, root, l) // what journals still hold would bring the record back
		for _, d := range damaged {
			e.say("%v", d)
		}
		if err != nil {
			return err
		}
	}
	done, err := runner.Forget(ctx, root, l, key, subjects, f.dryRun)
	if errors.Is(err, ledger.ErrNotFound) {
		return runner.WithHint(fmt.Errorf("forget: %w", err), "nothing here knows of it: 'daybook trained-on' looks for what is near, too")
	}
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(e.out, done)
	}
	if err := printForgotten(e, done); err != nil || f.dryRun {
		return err
	}
	all, err := l.Origins(ctx)
	for _, o := range all {
		e.say("%s, whose ledger was merged, keeps its own identifiers of records: forget it there too", o.Name)
	}
	return err
}

func printForgotten(e *env, done *runner.Forgotten) error {
	p := &page{w: e.out}
	p.printf("%s\n", map[bool]string{true: "would be forgotten", false: "forgotten"}[done.DryRun])
	for _, s := range done.Sets {
		p.printf("  from the %s set %s of %s\n", s.Role, short(s.Digest), count(s.Records, "record"))
	}
	p.printf("  from %s of records that were judged on, or of older sets\n", count(done.Lists, "list"))
	p.printf("  %s\n", count(done.Predictions, "prediction"))
	for _, file := range done.Files {
		p.printf("  %s\n", file)
	}
	p.printf("%s can't be repeated any more\n", tally(len(done.Runs), 0))
	for _, run := range done.Runs {
		p.printf("  %s\n", short(run))
	}
	if done.Entry != 0 {
		p.printf("entry %d of the log says so, and names no record\n", done.Entry)
	}
	if done.Left != "" {
		p.wrap("note: %s", done.Left)
	}
	if p.err == nil && !done.DryRun {
		e.say("take the record out of your data too; adapters that were trained on it are as they were")
	}
	return p.err
}
