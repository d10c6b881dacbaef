package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"daybook/ledger"
	"daybook/reports"
	"daybook/runner"
)

func newShowCommand(e *env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show RUN",
		Short: "Show one run: spec, data, code, environment, curves, results",
		Long:  "Show prints everything the ledger knows of one run. RUN is the start of its key, as runs lists it: four digits or more; after an origin's name and / if another machine's ledger has it.",
		Example: `  daybook show 3f9a
  daybook show 3f9ac1d2e4b5 --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			at, refs, closeAll, err := e.openPlaces(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, closeAll()) }()
			d, err := readDetails(cmd.Context(), at[0].ledger, refs[0])
			if err != nil {
				return err
			}
			if o := at[0].origin; o != nil {
				d.Origin = &o.Origin
			}
			if asJSON {
				return printJSON(e.out, d)
			}
			return printDetails(e.out, d)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, every step included")
	return cmd
}

// details is one run with everything that belongs to it.
type details struct {
	Run         ledger.Run          `json:"run"`
	Sweep       ledger.Sweep        `json:"sweep"`
	Sets        []setSummary        `json:"sets"`
	Steps       []ledger.StepRow    `json:"steps"`
	Epochs      []ledger.EpochRow   `json:"epochs"`
	Evaluations []ledger.Evaluation `json:"evaluations"`
	Adapters    []ledger.Adapter    `json:"adapters"`
	Origin      *ledger.Origin      `json:"origin,omitempty"` // another machine's ledger, that has all of it

	Reproductions []ledger.Reproduction            `json:"reproductions"`
	Forgotten     []ledger.Cited[ledger.TracedSet] `json:"forgotten"` // sets that lack a record now, so that the run can't be repeated
}

// setSummary is a set of records without its members.
type setSummary struct {
	Role    string         `json:"role"`
	Digest  ledger.Digest  `json:"digest"`
	Records int            `json:"records"`
	Tokens  int            `json:"tokens"`
	Dataset ledger.Dataset `json:"dataset"`
}

func readDetails(ctx context.Context, l *ledger.Ledger, ref string) (*details, error) {
	run, err := l.Run(ctx, ref)
	if err != nil && strings.Contains(ref, "@") {
		return nil, runner.WithHint(err, "this names an adapter; 'daybook adapters' lists the run of each")
	}
	if err != nil {
		return nil, runner.WithHint(err, "'daybook runs' lists the runs")
	}
	d := &details{Run: run}
	found, err := l.Sweeps(ctx, ledger.SweepFilter{ID: run.SweepID})
	if err != nil {
		return nil, err
	}
	if len(found) > 0 {
		d.Sweep = found[0]
		d.Sweep.Planned = nil // the other runs are not asked for
	}
	for _, s := range []struct {
		role   string
		digest ledger.Digest
	}{{"train", run.TrainSet}, {"validation", run.ValidationSet}, {"test", run.TestSet}} {
		if s.digest == "" {
			continue
		}
		set, err := l.Set(ctx, s.digest)
		if err != nil {
			return nil, err
		}
		summary := setSummary{Role: s.role, Digest: s.digest, Records: set.Records, Tokens: set.Tokens}
		if summary.Dataset, err = l.Dataset(ctx, set.Dataset); err != nil {
			return nil, err
		}
		d.Sets = append(d.Sets, summary)
	}
	if d.Steps, err = l.Steps(ctx, run.Key); err != nil {
		return nil, err
	}
	if d.Epochs, err = l.Epochs(ctx, run.Key); err != nil {
		return nil, err
	}
	if d.Evaluations, err = l.Evaluations(ctx, ledger.EvaluationFilter{Run: run.Key}); err != nil {
		return nil, err
	}
	if d.Adapters, err = l.Adapters(ctx, ledger.AdapterFilter{Run: run.Key}); err != nil {
		return nil, err
	}
	if d.Reproductions, err = l.Reproductions(ctx, run.Key); err != nil {
		return nil, err
	}
	d.Forgotten, err = l.Unrepeatable(ctx, run.PlannedRun)
	return d, err
}

// page writes aligned "name: value" lines under headings, and keeps the first error.
type page struct {
	w   io.Writer
	err error
}

func (p *page) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

// wrap prints a text in lines no wider than the terminal.
func (p *page) wrap(format string, args ...any) {
	for _, line := range reports.Wrap(fmt.Sprintf(format, args...), width(p.w)) {
		p.printf("%s\n", line)
	}
}

func (p *page) heading(s string) { p.printf("\n%s\n", s) }

func (p *page) line(name, format string, args ...any) {
	p.printf("  %-14s %s\n", name, fmt.Sprintf(format, args...))
}

func printDetails(w io.Writer, d *details) error {
	p := &page{w: w}
	r := d.Run
	p.printf("%s\n", runTitle(r.Kind, r.Name, r.Key, r.Axes))
	p.line("run", "%s", r.Key)
	p.line("state", "%s%s", r.State, holderText(r))
	if o := d.Origin; o != nil {
		p.line("origin", "%s, %d entries merged, %s", o.Name, o.Entries, vouchedBy(*o))
	}
	if made := r.Origin(); made != nil && made.Unauthenticated {
		p.line("claimed", "the result is from a journal that came from another machine, and that nobody signed")
	}
	if r.Error != "" {
		p.line("error", "%s", r.Error)
		if r.Hint != "" {
			p.line("hint", "%s", r.Hint)
		}
	}
	p.line("sweep", "%s (%s, digest %s)", r.Sweep, d.Sweep.Path, short(d.Sweep.Digest))
	p.line("base", "%s, %s", short(r.Base), r.Numerics)
	for _, a := range d.Adapters {
		p.line("adapter", "%s, epoch %d, %s, %s", a.Name(), a.Epoch, short(a.Digest), a.Path)
	}
	if r.Parameters > 0 {
		p.line("trainable", "%s parameters, %s (%.0f%%) with 8-bit optimizer state", tokens(r.Parameters), tokens(r.EightBit), 100*float64(r.EightBit)/float64(r.Parameters))
	}
	if r.State == ledger.Done && r.Kind == ledger.Train {
		p.line("trained on", "%s tokens in %d steps, %s", tokens(r.Tokens), r.Steps, seconds(r.Seconds))
	}

	p.heading("data")
	for _, s := range d.Sets {
		p.line(s.Role, "%d records, %s tokens, %s, from %s %s", s.Records, tokens(s.Tokens), short(s.Digest), s.Dataset.Path, short(s.Dataset.Digest))
	}
	if r.Truncated > 0 {
		p.line("truncated", "%d training records", r.Truncated)
	}
	for _, s := range d.Forgotten {
		p.line("forgotten", "a record of the %s set (entry %d): the run can't be repeated", s.Fact.Role, s.Entry)
	}

	p.heading("code")
	made := r.Origin()
	if made == nil {
		printGit(p, d.Sweep.Git) // what it would be made by
	} else {
		printGit(p, made.Git)
		printMachine(p, made)
	}

	p.heading("attempts")
	for _, a := range r.Attempts {
		text := a.Outcome
		if a.Kind != r.Kind {
			text = "re-evaluated, " + text
		}
		if a.ResumedStep > 0 {
			text += fmt.Sprintf(", from step %d", a.ResumedStep)
		}
		if a.Git.Commit != made.Git.Commit || a.Git.Dirty != made.Git.Dirty {
			text += ", commit " + commitText(a.Git)
		}
		p.line(fmt.Sprint(a.Number), "%s, %s, %s, %s", text, a.Begun.Format("2006-01-02 15:04:05"), orDash(seconds(a.Seconds)), deviceText(a.Device))
	}

	if len(d.Reproductions) > 0 {
		p.heading("reproduced")
		for _, again := range d.Reproductions {
			p.line(again.Time.Format("2006-01-02"), "%s, %s, entry %d", outcomeText(again), deviceText(again.Device), again.Entry)
		}
	}

	if len(d.Epochs) > 0 {
		p.heading("epochs")
		printEpochs(p, d)
	}
	if len(d.Steps) > 0 {
		p.heading("training loss")
		p.printf("  %s\n", sparkline(d.Steps, 60))
		first, last := d.Steps[0], d.Steps[len(d.Steps)-1]
		p.printf("  %.4f at step %d, %.4f at step %d\n", first.Loss, first.Step.Step, last.Loss, last.Step.Step)
	}
	printResults(p, d)

	p.heading("spec")
	var spec any
	if err := json.Unmarshal(r.Spec, &spec); err != nil {
		return fmt.Errorf("run %s: spec: %w", short(r.Key), err)
	}
	text, err := json.MarshalIndent(spec, "  ", "  ")
	if err != nil {
		return err
	}
	p.printf("  %s\n", text)
	return p.err
}

func holderText(r ledger.Run) string {
	if r.Holder == "" {
		return ""
	}
	return ", by " + runner.HolderName(r.Holder)
}
