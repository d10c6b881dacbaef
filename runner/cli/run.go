package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"daybook/runner"
)

func newRunCommand(e *env) *cobra.Command {
	var f sweepFlags
	var jobs int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "run SWEEP",
		Short: "Train what a sweep lists and is not done yet, then print the table",
		Long: `Run plans a sweep, measures the untouched base, trains every run that is not
finished, evaluates each epoch, and prints baseline against fine-tunes.
Interrupted runs resume from their last checkpoint; finished ones are never
trained again. Ctrl-C stops cleanly.`,
		Example: `  daybook run experiments/clinical/sweep.jsonnet
  daybook run sweep.jsonnet --only rank=8 --limit 2
  daybook run sweep.jsonnet --jobs 1`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if jobs < 0 {
				return usageError{runner.WithHint(fmt.Errorf("--jobs: %d is negative", jobs), "0 means one run per processor")}
			}
			return runSweep(cmd.Context(), e, args[0], f, jobs, asJSON)
		},
	}
	f.register(cmd)
	cmd.Flags().IntVarP(&jobs, "jobs", "j", 0, "runs in parallel (0: one per processor)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the table as JSON")
	return cmd
}

func runSweep(ctx context.Context, e *env, path string, f sweepFlags, jobs int, asJSON bool) (err error) {
	p, err := f.load(ctx, e, path, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	for _, w := range p.plan.Warnings {
		e.say("warning: %s", w)
	}
	progress := newProgress(e.err, p.plan, f.again, e.now)
	jobs, threads := parallel(jobs, p.plan.Todo(f.again))
	outcome, err := p.plan.Run(ctx, runner.RunOptions{
		Ledger: p.ledger, Store: p.store, Jobs: jobs, Threads: threads, Again: f.again, Worker: process(), Holder: runner.HolderOf(os.Getpid()),
		Start: startWorker(p.root), Progress: progress, Now: e.now,
	})
	progress.close()
	if err != nil {
		if errors.Is(err, context.Canceled) {
			e.say("stopped; run the same command again to resume")
		}
		return err
	}
	format := "table"
	if asJSON {
		format = "json"
	}
	if err := printReport(ctx, e, p.ledger, outcome.Sweep, format, ""); err != nil {
		return err
	}
	for _, failure := range outcome.Failed {
		e.complain(fmt.Sprintf("run %s: %s: %s", short(failure.Item.Job.Key), title(failure.Item), failure.Error), failure.Hint)
	}
	if n := len(outcome.Failed); n > 0 {
		return runner.WithHint(fmt.Errorf("%w: %d of %d", errRunsFailed, n, n+outcome.Finished+outcome.Already),
			"'daybook show RUN' has the details; running the sweep again tries them again")
	}
	if n := outcome.Interrupted; n > 0 {
		return runner.WithHint(fmt.Errorf("%w: %d interrupted", errRunsFailed, n), "running the sweep again resumes them from their last checkpoints")
	}
	return nil
}

// parallel divides the processors that this process may use among runs. A run's result doesn't depend on
// its threads, and small runs gain most from having one each.
func parallel(jobs, todo int) (int, int) {
	cpus := runtime.GOMAXPROCS(0) // fewer than the machine's where a container has a share of them
	if jobs == 0 {
		jobs = cpus
	}
	jobs = max(1, min(jobs, todo))
	return jobs, max(1, cpus/jobs)
}

// process names this process in the ledger.
func process() string { return fmt.Sprintf("pid %d", os.Getpid()) }
