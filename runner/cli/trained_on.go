package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"daybook/ledger/folder"

	"daybook/ledger"
	"daybook/ledger/evidence"
	"daybook/runner"
)

// trainedOnFlags say what to ask about records.
type trainedOnFlags struct {
	jsonl   bool
	json    bool
	proof   string
	retrain string
	sweep   string
}

func newTrainedOnCommand(e *env) *cobra.Command {
	var f trainedOnFlags
	cmd := &cobra.Command{
		Use:   "trained-on RECORD...",
		Short: "Tell which adapters saw a record, or prove that none did",
		Long: `Trained-on looks records up in the sets that every run was trained and judged on.
RECORD is a file with one record as JSON, - for standard input, a text, or an ID of
64 hex digits; with --jsonl a file has one on each line. A text is a record
{"text": ...}. Keys that a sweep names with fields are known.

A record is the same as another one by its ID (the whole JSON, whatever the order of
its keys), its content (what it says, without tags and metadata), or its example (the
tokens that a run trained on, cut to its length). Examples are made anew with the
tokenizer and the chat template of each run; where these are not at hand any more, the
answer says so. What differs in Unicode form, case or white space alone is told
separately, as near.

Each answer is graded. Proved: against the commitment to the set, in the signed log.
Recorded: by the index, which 'daybook verify' compares with the log. Unknown:
nothing commits to the set, as in ledgers of older releases, or a record of it was
forgotten. A run that goes on from an adapter, or whose base has one merged into it,
saw what that adapter saw; of one made elsewhere that is unknown. "Not in the
committed sets" speaks of these runs' sets: it says nothing about what the base was
trained on before.

--proof writes a bundle that proves it to others, with all of the log, so that no
run is left out; 'ledgercheck' and 'membercheck' (ledger/cmd) check it without
Daybook. Whoever has the file can test guesses about a few records next to yours: it
is as confidential as the answer. --retrain-plan writes a sweep, beside the one that
planned them, that repeats the runs that saw the records, without them.

Runs of other machines whose ledgers were merged are not answered for, which is said:
what tells records apart is a secret of each root. Ask there.

Exit codes: 0 answered, whatever the answer; 4 the index is not what the log says.`,
		Example: `  daybook trained-on note.json
  daybook trained-on - <note.json --json
  daybook trained-on withdrawn.jsonl --jsonl --proof withdrawn.zip
  daybook trained-on note.json --retrain-plan experiments/clinical/without.jsonnet`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runTrainedOn(cmd.Context(), e, args, f)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.jsonl, "jsonl", false, "files hold one record on each line")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	flags.StringVar(&f.proof, "proof", "", "write a bundle with proofs to this `file`")
	flags.StringVar(&f.retrain, "retrain-plan", "", "write a sweep without the records to this `file`")
	flags.StringVar(&f.sweep, "sweep", "", "the `sweep` whose runs --retrain-plan repeats, if several saw the records")
	return cmd
}

func runTrainedOn(ctx context.Context, e *env, args []string, f trainedOnFlags) (err error) {
	if f.sweep != "" && f.retrain == "" {
		return usageError{runner.WithHint(errors.New("--sweep: it goes with --retrain-plan"), "every run is looked at without it")}
	}
	root, l, err := e.openLedger(ctx, ".", ledger.OpenReadOnly)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	key, subjects, err := e.asked(ctx, root, l, args, f.jsonl)
	if err != nil {
		return err
	}
	notes, err := runner.AddExamples(ctx, root, e.hub, l, subjects)
	if err != nil {
		return err
	}
	found, proofs, err := runner.Expose(ctx, l, key, subjects, f.proof != "")
	if errors.Is(err, ledger.ErrMismatch) {
		return runner.WithHint(fmt.Errorf("trained-on: %w: %w", errMismatch, err), "'daybook verify' looks at everything; until then trust no answer")
	}
	if err != nil {
		return err
	}
	found.Notes = append(notes, found.Notes...)
	if err := addOrigins(ctx, l, found); err != nil {
		return err
	}
	if f.proof != "" {
		if err := writeProof(ctx, e, l, f.proof, proofs, len(subjects)); err != nil {
			return err
		}
	}
	if f.retrain != "" {
		if err := writeRetrainPlan(ctx, e, root, l, subjects, found, f); err != nil {
			return err
		}
	}
	if f.json {
		return printJSON(e.out, found)
	}
	return printExposures(e, found)
}

// addOrigins says of which ledgers the answer is not.
func addOrigins(ctx context.Context, l *ledger.Ledger, found *runner.Exposures) error {
	all, err := l.Origins(ctx)
	if err != nil {
		return err
	}
	for _, o := range all {
		found.Notes = append(found.Notes, fmt.Sprintf("runs of %s, whose ledger was merged, are not among these: its index of records is keyed by a secret of that root; ask there", o.Name))
	}
	return nil
}

// writeProof writes the log and what it proves of the records as a bundle.
func writeProof(ctx context.Context, e *env, l *ledger.Ledger, path string, proofs *evidence.MembershipProofs, records int) (err error) {
	file, err := folder.Create(path, 0o600)
	if err != nil {
		return fmt.Errorf("--proof: %w", err)
	}
	defer func() { err = errors.Join(err, file.Cleanup()) }()
	if err := l.WriteBundle(ctx, file, ledger.Bundle{Members: proofs}); err != nil {
		return err
	}
	if err := file.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("--proof: %w", err)
	}
	e.say("%s: the log with proofs about %s in %s; 'ledgercheck' and 'membercheck' check it", path, count(records, "record"), count(len(proofs.Sets), "set"))
	return nil
}

func printExposures(e *env, found *runner.Exposures) error {
	p := &page{w: e.out}
	for i := range found.Records {
		r := &found.Records[i]
		if i > 0 {
			p.printf("\n")
		}
		name := r.Record
		if r.Given != "" {
			name = r.Given + ", called " + r.Record
		}
		p.printf("%s: %s\n", name, r.Verdict(found.Runs))
		if r.Limit != "" {
			p.wrap("limits: %s", r.Limit)
		}
		p.exposed("trained on it", r.Trained)
		p.exposed("near: only Unicode form, case or white space differ", r.Near)
		p.exposed("judged on it: chose epochs or was scored, changed no weight", r.Judged)
		a := r.Absent
		if a != (runner.Absence{}) {
			p.printf("\n")
		}
		for _, line := range []struct {
			n    int
			what string
		}{
			{a.Proved, "proved: not in the committed sets of %s" + r.By()},
			{a.Recorded, "recorded: not in the index of the committed sets of %s" + r.By()},
			{a.Unknown, "unknown: no membership commitment of %s"},
			{a.Forgotten, "unknown: a record was forgotten from the sets of %s"},
		} {
			if line.n > 0 {
				p.printf("  "+line.what+"\n", count(line.n, "run"))
			}
		}
	}
	p.printf("\nof %s begun under the head\n", count(found.Runs, "run"))
	for line := range strings.Lines(strings.TrimSpace(strings.SplitN(found.Head, "\n\n", 2)[0])) {
		p.printf("  %s\n", strings.TrimSpace(line))
	}
	for _, note := range found.Notes {
		p.wrap("note: %s", note)
	}
	return p.err
}

// exposed lists runs and how a record is in them.
func (p *page) exposed(title string, runs []runner.ExposedRun) {
	if len(runs) == 0 || p.err != nil {
		return
	}
	p.printf("\n  %s\n", title)
	var rows [][]string
	for _, r := range runs {
		length := "whole"
		switch {
		case r.Whole && r.Truncated:
			length = "whole and truncated"
		case r.Truncated:
			length = "truncated"
		}
		epochs := string(r.State)
		if r.Epochs > 0 {
			epochs = "1 to " + fmt.Sprint(r.Epochs)
		}
		set := r.Split
		if r.Through != "" {
			set = "through " + short(r.Through)
		}
		rows = append(rows, []string{"", short(r.Run), r.Sweep, ledger.Label(r.Axes), set, sameBy(r.By), length, epochs, strings.Join(r.Adapters, ","), r.Grade + fmt.Sprintf(", entry %d", r.Entry)})
	}
	p.err = printList(p.w, []string{"", "run", "sweep", "axes", "set", "same", "length", "epochs", "adapters", "grade"}, rows)
}

// sameBy lists by what a record is the same: what is, is near as well.
func sameBy(by []evidence.Identity) string {
	var names []string
	for _, identity := range by {
		if identity != evidence.NearIdentity || len(by) == 1 {
			names = append(names, string(identity))
		}
	}
	return strings.Join(names, ",")
}

func writeRetrainPlan(ctx context.Context, e *env, root runner.Root, l *ledger.Ledger, subjects []runner.Subject, found *runner.Exposures, f trainedOnFlags) error {
	done, err := runner.WriteWithout(ctx, subjects, found.Records, runner.WithoutOptions{Root: root, Ledger: l, Sweep: f.sweep, Path: f.retrain})
	if err != nil {
		return err
	}
	for _, r := range found.Records {
		for _, run := range r.Trained {
			if run.Through != "" {
				e.say("warning: run %s of %s goes on from adapter %s, which saw %s: train it again from what the plan makes", short(run.Run), run.Sweep, short(run.Through), r.Record)
			}
		}
	}
	e.say("%s: repeats %s of %s without %s; 'daybook plan %s' looks at it", f.retrain, count(done.Runs, "run"), done.Sweep, count(done.Records, "record"), f.retrain)
	return nil
}
