package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"daybook/ledger"
	"daybook/reports"
	"daybook/runner"
)

// gcFlags are the flags of gc.
type gcFlags struct {
	dryRun      bool
	older       time.Duration
	cache       bool
	checkpoints bool
	asJSON      bool
}

func newGCCommand(e *env) *cobra.Command {
	var f gcFlags
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Free the space of what nothing refers to",
		Long: `Gc deletes what is of no use any more below .daybook: artifacts in the store that
the ledger doesn't refer to, quantized bases in the cache that no run has, and what
killed processes left half written, there and beside the adapters. It touches nothing
that the ledger refers to, no adapter, no prediction and no journal.

With --cache it deletes all quantized bases and what large sweeps evaluated to; each
is made again when it is needed.
With --checkpoints it deletes what finished runs could have resumed from, optimizer
state for the most part: nothing reads it any more. The adapters of all epochs stay.`,
		Example: `  daybook gc --dry-run
  daybook gc --checkpoints
  daybook gc --cache --older 720h`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.older < 0 {
				return usageError{runner.WithHint(fmt.Errorf("--older: %s", f.older), "it is a time such as 24h")}
			}
			return runGC(cmd.Context(), e, f)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.dryRun, "dry-run", false, "say what would be freed, and delete nothing")
	flags.DurationVar(&f.older, "older", 24*time.Hour, "only what was not touched for this long")
	flags.BoolVar(&f.cache, "cache", false, "all quantized bases and evaluations of sweeps, too")
	flags.BoolVar(&f.checkpoints, "checkpoints", false, "checkpoints of finished runs, too")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON")
	return cmd
}

// collected is what --json prints.
type collected struct {
	Freed   []runner.Garbage `json:"freed"`
	Bytes   int64            `json:"bytes"`
	Deleted bool             `json:"deleted"` // false of a dry run
}

func runGC(ctx context.Context, e *env, f gcFlags) (err error) {
	root, l, err := e.openLedger(ctx, ".", ledger.OpenReadOnly)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	found, err := runner.FindGarbage(ctx, root, l, runner.GarbageOptions{Since: e.now().Add(-f.older), Cache: f.cache, Checkpoints: f.checkpoints})
	if err != nil {
		return err
	}
	all := collected{Freed: []runner.Garbage{}, Deleted: !f.dryRun}
	var failed error
	for _, g := range found {
		if failed = ctx.Err(); failed != nil {
			break
		}
		if !f.dryRun {
			if failed = g.Collect(); failed != nil {
				break
			}
		}
		all.Freed, all.Bytes = append(all.Freed, g), all.Bytes+g.Bytes
	}
	return errors.Join(failed, printCollected(e, all, f.asJSON))
}

func printCollected(e *env, all collected, asJSON bool) error {
	if asJSON {
		return printJSON(e.out, all)
	}
	verb := "freed"
	if !all.Deleted {
		verb = "would free"
	}
	if len(all.Freed) > 0 {
		rows := make([][]string, len(all.Freed))
		for i, g := range all.Freed {
			rows[i] = []string{g.What, reports.Bytes(float64(g.Bytes)), g.Path}
		}
		if err := printList(e.out, []string{"what", ">size", "path"}, rows); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(e.out, "%s %s of %s\n", verb, reports.Bytes(float64(all.Bytes)), count(len(all.Freed), "item"))
	return err
}
