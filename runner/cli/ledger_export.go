package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"daybook/ledger"
	"daybook/ledger/export"
	"daybook/runner"
)

func newLedgerExportCommand(e *env) *cobra.Command {
	var names []string
	cmd := &cobra.Command{
		Use:   "export DIR",
		Short: "Write what was measured as Parquet, CSV and MLflow runs",
		Long: `Export writes a new folder with everything that the ledger's public views hold, as
runs.parquet, metrics.csv and so on, and in mlruns the newest plan of each sweep
as an experiment of MLflow, with every step's loss, every evaluation and the spec.
It holds digests, counts and aggregates, and no text of records. Each ledger that was
merged is in origins/NAME in it, in the same way.

MLflow finds the spec of a run where the folder is its working folder:

  cd DIR && mlflow ui --backend-store-uri mlruns`,
		Example: `  daybook ledger export exported
  daybook ledger export exported --format parquet
  daybook ledger export exported --format csv --format mlflow`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runExport(cmd.Context(), e, args[0], names)
		},
	}
	cmd.Flags().StringSliceVar(&names, "format", nil, "parquet, csv or mlflow (repeatable; default: all)")
	return cmd
}

func runExport(ctx context.Context, e *env, dir string, names []string) (err error) {
	formats := export.Formats()
	if len(names) > 0 {
		formats = nil
	}
	for _, name := range names {
		f, err := export.ParseFormat(name)
		if err != nil {
			return usageError{runner.WithHint(fmt.Errorf("--format: %w", err), "without --format all three are written")}
		}
		formats = append(formats, f)
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
	merged := map[string]*ledger.Ledger{}
	for _, o := range all {
		merged[o.Name] = o.Ledger
	}
	switch err := export.Write(ctx, l, dir, formats, merged); {
	case errors.Is(err, fs.ErrExist):
		return runner.WithHint(err, "an export replaces nothing: name a new folder")
	case errors.Is(err, fs.ErrNotExist):
		return runner.WithHint(err, "the folder that it is to lie in must be there")
	case err != nil:
		return err
	}
	e.say("%s: what the ledger's views hold; see 'daybook ledger export --help' for how to open it", dir)
	return nil
}
