package cli

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"daybook/runner"
	"daybook/runner/worker"
)

// newWorkerCommand is the process that run starts; people don't call it.
func newWorkerCommand(e *env) *cobra.Command {
	var hidden []string
	cmd := &cobra.Command{
		Use:    "worker",
		Short:  "Work on attempts named on standard input",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// A worker whose runner is gone stops where it can resume. It must not die
			// of a report that nobody reads.
			signal.Ignore(syscall.SIGPIPE)
			if len(hidden) > 0 {
				return workConfined(e.root, hidden)
			}
			root, err := e.findRoot(".")
			if err != nil {
				return err
			}
			home, err := os.UserHomeDir()
			if err != nil {
				home = "" // there is none to hide
			}
			w := &worker.Worker{Root: root, Name: process(), Hub: e.hub, Home: home, Now: e.now}
			return w.Serve(cmd.Context(), e.in, e.out)
		},
	}
	cmd.Flags().StringArrayVar(&hidden, "hide", nil, "`folder` that it is not to read, where the system can see to that (repeatable)")
	return cmd
}

// workConfined turns this process into a worker that can't read what is hidden from
// it. What confines a thread goes over to the program that it becomes.
func workConfined(root string, hidden []string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	if err := runner.Confine(hidden); err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	return fmt.Errorf("worker: %w", syscall.Exec(self, []string{os.Args[0], "worker", "--root", root}, os.Environ()))
}

// startWorker returns a function that starts this binary as a worker of root,
// under the runner's leases.
func startWorker(root runner.Root, holder *runner.Holder) func() (runner.Worker, error) {
	return func() (runner.Worker, error) {
		cmd, err := workerCommand(root)
		if err != nil {
			return nil, err
		}
		holder.Lend(cmd)
		return runner.StartProcess(cmd)
	}
}

// startConfined starts this binary as a worker of a root without leases, that can't
// read what is below the hidden folders.
func startConfined(root runner.Root, hidden []string) (runner.Worker, error) {
	cmd, err := workerCommand(root)
	if err != nil {
		return nil, err
	}
	for _, dir := range hidden {
		cmd.Args = append(cmd.Args, "--hide", dir)
	}
	return runner.StartProcess(cmd)
}

func workerCommand(root runner.Root) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	cmd := exec.Command(self, "worker", "--root", root.Dir)
	cmd.Args[0] = os.Args[0] // tests run under a name of their own
	return cmd, nil
}
