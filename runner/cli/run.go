package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"daybook/engine/device"
	"daybook/runner"
)

func newRunCommand(e *env) *cobra.Command {
	var f sweepFlags
	var jobs int
	var memory string
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
			return runSweep(cmd.Context(), e, args[0], f, jobs, memory, asJSON)
		},
	}
	f.register(cmd)
	cmd.Flags().IntVarP(&jobs, "jobs", "j", 0, "runs in parallel (0: one per processor, or per GPU)")
	cmd.Flags().StringVar(&memory, "memory", "", "what a run may take of a GPU, such as 24GiB (default: all that is free)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the table as JSON")
	return cmd
}

func runSweep(ctx context.Context, e *env, path string, f sweepFlags, jobs int, memory string, asJSON bool) (err error) {
	limit, err := memoryLimit(memory)
	if err != nil {
		return err
	}
	p, err := f.load(ctx, e, path, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	for _, w := range p.plan.Warnings {
		e.say("warning: %s", w)
	}
	progress := newProgress(e.err, p.plan, f.again, e.now)
	devices, err := device.Resolve(f.device)
	if err != nil {
		return err
	}
	jobs, threads := parallel(devices, jobs, p.plan.Todo(f.again))
	outcome, err := p.plan.Run(ctx, runner.RunOptions{
		Ledger: p.ledger, Store: p.store, Jobs: jobs, Threads: threads, Devices: names(devices), Memory: limit, Again: f.again, Worker: process(), Holder: runner.HolderOf(os.Getpid()),
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

// parallel returns how many runs to work on at once and the threads of each. GPUs
// get one each. Processors are divided: a run's result doesn't depend on its
// threads, and small runs gain most from having one each.
func parallel(devices []device.Device, jobs, todo int) (int, int) {
	cpus := runtime.GOMAXPROCS(0) // fewer than the machine's where a container has a share of them
	switch {
	case jobs > 0:
	case devices[0] != device.CPU:
		jobs = len(devices)
	default:
		jobs = cpus
	}
	jobs = max(1, min(jobs, todo))
	return jobs, max(1, cpus/jobs)
}

// names returns what devices are called.
func names(devices []device.Device) (all []string) {
	for _, d := range devices {
		all = append(all, d.String())
	}
	return all
}

// process names this process in the ledger.
func process() string { return fmt.Sprintf("pid %d", os.Getpid()) }
