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
	return &cobra.Command{
		Use:    "worker",
		Short:  "Work on attempts named on standard input",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// A worker whose runner is gone stops where it can resume. It must not die
			// of a report that nobody reads.
			signal.Ignore(syscall.SIGPIPE)
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
}

// startWorker returns a function that starts this binary as a worker of root,
// under the runner's leases.
func startWorker(root runner.Root, holder *runner.Holder) func() (runner.Worker, error) {
	return func() (runner.Worker, error) {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("worker: %w", err)
		}
		cmd := exec.Command(self, "worker", "--root", root.Dir)
		cmd.Args[0] = os.Args[0] // tests run under a name of their own
		holder.Lend(cmd)
		return runner.StartProcess(cmd)
	}
}
