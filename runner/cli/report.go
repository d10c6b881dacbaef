package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"daybook/ledger"
	"daybook/reports"
	"daybook/runner"
	"daybook/sweeps"
)

func newReportCommand(e *env) *cobra.Command {
	var format, metric string
	var asJSON bool
	var f sweepFlags
	cmd := &cobra.Command{
		Use:   "report SWEEP",
		Short: "Print baseline against fine-tunes, with honest statistics",
		Long: `Report prints one row per combination of axes other than seed: the test metric
as mean ± sd over seeds, its difference to the zero-shot baseline and to the
best row with 95% bootstrap intervals, and what the rows cost. SWEEP is a sweep's
name as the ledger has it, or its file. Runs that another machine's ledger has finished
('daybook ledger merge') are in the table like those made here, which a note says; a
sweep that only such a ledger planned is named after it, as in laptop/clinical.`,
		Example: `  daybook report clinical
  daybook report experiments/clinical/sweep.jsonnet --format markdown
  daybook report clinical --metric json_valid --format csv >clinical.csv
  daybook report clinical --format latex >clinical.tex`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if asJSON {
				if cmd.Flags().Changed("format") && format != string(reports.FormatJSON) {
					return usageError{runner.WithHint(fmt.Errorf("--json: and --format %s", format), "give one of them; --json is --format json")}
				}
				format = string(reports.FormatJSON)
			}
			if _, err := reports.ParseFormat(format); err != nil {
				return usageError{runner.WithHint(fmt.Errorf("--format: %w", err), "for people table, markdown and html, for papers latex, for spreadsheets csv, for programs json")}
			}
			name, dir := args[0], "."
			if strings.HasSuffix(name, ".jsonnet") || strings.HasSuffix(name, ".json") {
				dir = filepath.Dir(name)
				opts, err := f.options(name)
				if err != nil {
					return err
				}
				root, err := e.findRoot(dir)
				if err != nil {
					return err
				}
				opts.Memory = root.Evaluations()
				sweep, err := sweeps.Load(cmd.Context(), opts)
				if err != nil {
					return err
				}
				name = sweep.Name
			}
			root, l, err := e.openLedger(cmd.Context(), dir, ledger.OpenReadOnly)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, l.Close()) }()
			all, err := e.origins(cmd.Context(), root, l)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, all.Close()) }()
			at, others := l, all
			if o, rest := all.Split(name); o != nil {
				at, name, others = o.Ledger, rest, nil
			}
			sweep, err := at.Sweep(cmd.Context(), name)
			if err != nil {
				return unknownSweep("report", err)
			}
			return printReport(cmd.Context(), e, at, others, sweep.ID, format, metric)
		},
	}
	f.jsonnet(cmd)
	cmd.Flags().StringVar(&format, "format", "table", "table, markdown, html, latex, csv or json")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, as --format json does")
	cmd.Flags().StringVar(&metric, "metric", "", "`metric` to compare by (default: the sweep's first that isn't the loss)")
	return cmd
}

// printReport prints the report on a sweep in the ledger, with what others have of it.
func printReport(ctx context.Context, e *env, l *ledger.Ledger, all runner.Origins, sweep int64, format, metric string) error {
	f, err := reports.ParseFormat(format)
	if err != nil {
		return err
	}
	results, err := all.Results(ctx, l, sweep)
	if err != nil {
		return err
	}
	r, err := reports.New(results, reports.Options{Metric: metric})
	if unknown := (*reports.MetricError)(nil); errors.As(err, &unknown) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	return reports.Render(e.out, r, f, width(e.out))
}
