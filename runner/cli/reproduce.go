package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"daybook/engine/device"
	"daybook/ledger"
	"daybook/runner"
	"daybook/runner/worker"
)

// reproduceFlags say what to train once more, and from what.
type reproduceFlags struct {
	sweep    string
	device   string
	memory   string
	jobs     int
	checkout bool
	data     []string
	base     string
	seed     uint64
	altered  bool
	noRecord bool
	json     bool
}

func newReproduceCommand(e *env) *cobra.Command {
	var f reproduceFlags
	cmd := &cobra.Command{
		Use:   "reproduce RUN... | ADAPTER... | --sweep NAME",
		Short: "Train a finished run again from nothing and compare it, byte for byte",
		Long: `Reproduce trains finished runs once more from what the ledger says of them, not
from today's sweep file: in a process of its own, in an empty folder, which can
read neither checkpoints nor adapters nor the cache. It first holds data and base
against their digests, and trains nothing if they are others. Then it compares
every optimizer step, every tensor of the adapter and every metric: identical, or
the first of each that differs and by how much. RUN is the start of a run's key,
ADAPTER a version such as clinical@v7.

On another numerics class (backend, precision, version, model of GPU) bytes can't
be compared. Metrics are, with how far two seeds of the sweep are from each other.

The outcome goes into the ledger, and show RUN tells of it. Interrupted, it leaves
nothing. With --altered it trains from other data, another base or another seed
than recorded, to show from which step on that matters; that is no reproduction
and never goes into the ledger.

Exit codes: 0 identical, or within what seeds differ by; 4 something differs or is
not as recorded; 1 could not be reproduced or judged.`,
		Example: `  daybook reproduce 3f9a
  daybook reproduce clinical@best --checkout
  daybook reproduce --sweep clinical --json
  daybook reproduce 3f9a --altered --seed 1`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 0) == (f.sweep == "") {
				return usageError{runner.WithHint(errors.New("reproduce: name runs, adapters or a --sweep"), "usage: daybook "+cmd.Use)}
			}
			if f.jobs < 0 {
				return usageError{runner.WithHint(fmt.Errorf("--jobs: %d is negative", f.jobs), "0 means one run per processor")}
			}
			var seed *uint64
			if cmd.Flags().Changed("seed") {
				if !f.altered {
					return usageError{runner.WithHint(errors.New("--seed: another seed is no reproduction"), "add --altered to see from which step on it matters")}
				}
				seed = &f.seed
			}
			return runReproduce(cmd.Context(), e, args, f, seed)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.sweep, "sweep", "", "every finished run that this `sweep` planned last")
	flags.StringVar(&f.device, "device", "", deviceHelp+" (default: one of the run's numerics class, if this machine has it)")
	flags.StringVar(&f.memory, "memory", "", "what a run may take of a GPU, such as 24GiB (default: all that is free)")
	flags.IntVarP(&f.jobs, "jobs", "j", 0, "runs in parallel (0: one per processor, or per GPU)")
	flags.BoolVar(&f.checkout, "checkout", false, "read data, base and template as the run's commit has them, with what was changed since, in a folder of its own")
	flags.StringArrayVar(&f.data, "data", nil, "`file` or pattern where the data lie now (once for each source, in their order)")
	flags.StringVar(&f.base, "base", "", "`folder` where the base lies now")
	flags.BoolVar(&f.altered, "altered", false, "train also from what is not as recorded, and tell where that shows")
	flags.Uint64Var(&f.seed, "seed", 0, "with --altered: another `seed` than the run's")
	flags.BoolVar(&f.noRecord, "no-record", false, "leave the outcome out of the ledger, which is then only read")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

func runReproduce(ctx context.Context, e *env, refs []string, f reproduceFlags, seed *uint64) (err error) {
	limit, err := memoryLimit(f.memory)
	if err != nil {
		return err
	}
	open := opener(ledger.Open)
	if f.noRecord {
		open = ledger.OpenReadOnly
	}
	root, l, err := e.openLedger(ctx, ".", open)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	for _, ref := range refs {
		if err := e.ownVersion(ctx, root, l, "reproduce", ref); err != nil {
			return err
		}
	}
	runs, err := runsToReproduce(ctx, l, refs, f.sweep)
	if err != nil {
		return err
	}
	var all []*runner.Reproduction
	defer func() {
		for _, r := range all {
			err = errors.Join(err, r.Close())
		}
	}()
	for _, run := range runs {
		r, err := runner.NewReproduction(ctx, run, runner.ReproduceOptions{
			Root: root, Ledger: l, Hub: e.hub, Device: f.device, Numerics: worker.Numerics,
			Checkout: f.checkout, Data: f.data, Base: f.base, Seed: seed, Altered: f.altered,
		})
		switch {
		case err != nil && (len(runs) == 1 || ctx.Err() != nil):
			return err
		case err != nil: // the others can be reproduced all the same
			r = &runner.Reproduction{Run: run, Err: err}
		}
		all = append(all, r)
	}
	plan := &runner.Plan{}
	var devices []device.Device
	for _, r := range all {
		if r.Item() == nil || len(r.Changed) > 0 && !f.altered {
			continue
		}
		plan.Items = append(plan.Items, r.Item())
		if devices, err = device.Resolve(r.Item().Job.Device); err != nil {
			return err
		}
	}
	jobs, threads := 1, 1
	if len(plan.Items) > 0 {
		jobs, threads = parallel(devices[:1], f.jobs, len(plan.Items))
	}
	progress := newProgress(e.err, plan, true, e.now)
	err = runner.Retrain(ctx, all, runner.RetrainOptions{
		Root: root, Ledger: l, Record: !f.noRecord, Altered: f.altered, Jobs: jobs, Threads: threads, Memory: limit,
		Progress: progress, Start: startConfined, Confines: runner.CanConfine(),
	})
	progress.close()
	if err != nil {
		return err
	}
	if f.json {
		err = printJSON(e.out, reproducedJSON(all))
	} else {
		err = printReproduced(e.out, all)
	}
	return errors.Join(err, judgeReproduced(e, all))
}

// runsToReproduce finds the runs that are meant: of keys, of adapters, or all of a
// sweep's that are finished.
func runsToReproduce(ctx context.Context, l *ledger.Ledger, refs []string, sweep string) ([]ledger.Run, error) {
	if sweep != "" {
		runs, err := l.Runs(ctx, ledger.RunFilter{Sweep: sweep, Kind: ledger.Train, State: ledger.Done})
		if err != nil {
			return nil, unknownSweep("reproduce", err)
		}
		if len(runs) == 0 {
			return nil, runner.WithHint(fmt.Errorf("reproduce: sweep %s has no finished run", sweep), "'daybook runs' lists the runs")
		}
		return runs, nil
	}
	var runs []ledger.Run
	for _, ref := range refs {
		key := ref
		if strings.ContainsAny(ref, "@/") {
			a, err := l.Adapter(ctx, ref)
			if err != nil {
				return nil, runner.WithHint(err, "'daybook adapters' lists the versions")
			}
			key = a.Run
		}
		run, err := l.Run(ctx, key)
		if err != nil {
			return nil, runner.WithHint(err, "'daybook runs' lists the runs, 'daybook adapters' the versions")
		}
		runs = append(runs, run)
	}
	return runs, nil
}

// judgeReproduced turns outcomes into an error, after telling what could not be done.
func judgeReproduced(e *env, all []*runner.Reproduction) error {
	mismatches, failed := 0, 0
	advice := "compare what is listed; 'daybook verify' tells whether files or the ledger were changed"
	for _, r := range all {
		switch {
		case r.Err != nil:
			failed++
			e.complain(r.Err.Error(), advise(r.Err))
		case r.Fact == nil:
			mismatches++
			advice = "restore what was changed, name where it lies with --data or --base, or read it from the run's commit with --checkout; --altered trains all the same, to show from where on it matters"
		case r.Fact.Outcome == ledger.Different, r.Fact.Outcome == ledger.Beyond:
			mismatches++
		case r.Fact.Outcome == ledger.Unjudged:
			failed++
		}
	}
	switch {
	case mismatches > 0:
		return runner.WithHint(fmt.Errorf("%w: %d of %s not as recorded", errMismatch, mismatches, count(len(all), "run")), advice)
	case failed > 0:
		return fmt.Errorf("reproduce: %d of %s could not be judged", failed, count(len(all), "run"))
	}
	return nil
}
