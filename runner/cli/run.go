package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"daybook/engine/device"
	"daybook/runner"
)

// runFlags say how to run what is planned.
type runFlags struct {
	jobs   int
	memory string
	clean  bool
	json   bool
}

func newRunCommand(e *env) *cobra.Command {
	var f sweepFlags
	var o runFlags
	cmd := &cobra.Command{
		Use:   "run SWEEP",
		Short: "Train what a sweep lists and is not done yet, then print the table",
		Long: `Run plans a sweep, measures the untouched base, trains every run that is not
finished, evaluates each epoch, and prints baseline against fine-tunes.
Interrupted runs resume from their last checkpoint; finished ones are never
trained again. Ctrl-C stops cleanly.

Where the sweep is in a git repository, the ledger has the commit and, of what
differs from it, the diff of source files and the untracked ones that were read
or lie beside the sweep, up to 1 MiB each and 8 MiB in all. Of files that hold
records, or may, it has digests alone, without the names of untracked ones that
nothing read; secrets are replaced by keyed digests.
show lists what is kept, and 'reproduce --checkout' restores it. --require-clean
refuses to run anything that a commit doesn't have.`,
		Example: `  daybook run experiments/clinical/sweep.jsonnet
  daybook run sweep.jsonnet --only rank=8 --limit 2
  daybook run sweep.jsonnet --jobs 1
  daybook run sweep.jsonnet --require-clean`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.jobs < 0 {
				return usageError{runner.WithHint(fmt.Errorf("--jobs: %d is negative", o.jobs), "0 means one run per processor")}
			}
			return runSweep(cmd.Context(), e, args[0], f, o)
		},
	}
	f.register(cmd)
	cmd.Flags().IntVarP(&o.jobs, "jobs", "j", 0, "runs in parallel (0: one per processor, or per GPU)")
	cmd.Flags().StringVar(&o.memory, "memory", "", "what a run may take of a GPU, such as 24GiB (default: all that is free)")
	cmd.Flags().BoolVar(&o.clean, "require-clean", false, "refuse unless everything in the repository is committed, Daybook's own outputs aside")
	cmd.Flags().BoolVar(&o.json, "json", false, "print the table as JSON")
	return cmd
}

func runSweep(ctx context.Context, e *env, path string, f sweepFlags, o runFlags) (err error) {
	limit, err := memoryLimit(o.memory)
	if err != nil {
		return err
	}
	if o.clean { // before anything is written
		root, err := e.findRoot(filepath.Dir(path))
		if err != nil {
			return err
		}
		if err := runner.RequireClean(ctx, root, filepath.Dir(path)); err != nil {
			return err
		}
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
	warnPassedOver(e, f.device)
	if limit > 0 && devices[0] == device.CPU {
		e.say("warning: --memory limits what a run takes of a GPU; the processor has no such limit")
	}
	jobs, threads := parallel(devices, o.jobs, p.plan.Todo(f.again))
	holder, err := runner.NewHolder(p.root)
	if err != nil {
		return err
	}
	var outcome runner.Outcome
	defer func() { err = errors.Join(err, holder.Close(outcome.Leased)) }()
	outcome, err = p.plan.Run(ctx, runner.RunOptions{
		Ledger: p.ledger, Store: p.store, Jobs: jobs, Threads: threads, Devices: names(devices), Memory: limit, Again: f.again, Worker: process(), Holder: holder.Name,
		Start: startWorker(p.root, holder), Progress: progress, Now: e.now,
	})
	progress.close()
	if err != nil {
		if errors.Is(err, context.Canceled) {
			e.say("stopped; run the same command again to resume")
		}
		return err
	}
	format := "table"
	if o.json {
		format = "json"
	}
	if err := printReport(ctx, e, p.ledger, p.origins, outcome.Sweep, format, ""); err != nil {
		return err
	}
	var failed []*runner.Item
	for _, failure := range outcome.Failed {
		failed = append(failed, failure.Item)
		e.complain(place(failure.Item)+": "+failure.Error, failure.Hint)
	}
	if len(failed) > 0 {
		return partly(p.plan, failed, "failed", "'daybook show RUN' has the details; running the sweep again tries them again")
	}
	if len(outcome.Interrupted) > 0 {
		return partly(p.plan, outcome.Interrupted, "interrupted", "running the sweep again resumes them from their last checkpoints")
	}
	return nil
}

// place names an item with its key, which show takes.
func place(item *runner.Item) string {
	key := short(item.Job.Key)
	switch {
	case item.Baseline():
		return "baseline " + key + ": " + item.Job.Name
	case item.Job.Name == "":
		return "run " + key
	}
	return "run " + key + ": " + title(item)
}

// partly is the error of a sweep some of whose items ended as they should not.
func partly(plan *runner.Plan, ended []*runner.Item, how, advice string) error {
	tally := func(items []*runner.Item) (runs, baselines int) {
		for _, item := range items {
			switch {
			case !item.Selected:
			case item.Baseline():
				baselines++
			default:
				runs++
			}
		}
		return runs, baselines
	}
	runs, baselines := tally(ended)
	allRuns, allBaselines := tally(plan.Items)
	var parts []string
	if runs > 0 {
		parts = append(parts, fmt.Sprintf("%d of %s %s", runs, count(allRuns, "run"), how))
	}
	if baselines > 0 {
		parts = append(parts, fmt.Sprintf("%d of %s %s", baselines, count(allBaselines, "baseline"), how))
	}
	return partlyError{runner.WithHint(fmt.Errorf("%s: %s", plan.Sweep.Name, strings.Join(parts, ", ")), advice)}
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

// warnPassedOver tells of GPUs that a device of this name leaves out.
func warnPassedOver(e *env, name string) {
	for _, why := range device.PassedOver(name) {
		e.say("warning: not used: %s", why)
	}
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
