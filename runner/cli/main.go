// Package cli is the command line: one file a verb, each a thin layer that
// turns flags into a call of the packages below and a result into text.
//
// Rules of output: stdout is only the result, so that it can be piped; progress
// and everything else goes to stderr. An error is one line, "daybook: what:
// where: why", and what to do about it is another, "daybook: hint: ...". Verbs
// that print data print JSON with --json. Errors become exit codes here and
// nowhere else.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"daybook/ledger"
	"daybook/ledger/keyring"
	"daybook/runner"
	"daybook/sweeps"
)

// Exit codes.
const (
	exitOK          = 0
	exitError       = 1
	exitUsage       = 2 // wrong usage or an invalid sweep
	exitRunsFailed  = 3
	exitMismatch    = 4 // something is not as the ledger says
	exitInterrupted = 130
)

// partlyError reports that a sweep went on but not all of its runs finished well.
type partlyError struct{ error }

func (e partlyError) Unwrap() error { return e.error }

// errMismatch reports that something is not as the ledger says.
var errMismatch = errors.New("verification failed")

// usageError is a mistake on the command line itself.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// env is what a command gets from outside.
type env struct {
	in       io.Reader
	out, err io.Writer
	now      func() time.Time
	root     string // --root
	secret   string // passphrase of a key, once it was asked for
}

// Main runs the command line and returns the exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C doesn't wait
	e := &env{in: stdin, out: stdout, err: stderr, now: time.Now}
	cmd := newRootCommand(e)
	cmd.SetArgs(args)
	cmd.SetIn(stdin)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	return e.exit(ctx, cmd.ExecuteContext(ctx))
}

// exit reports err and turns it into an exit code.
func (e *env) exit(ctx context.Context, err error) int {
	if err == nil {
		return exitOK
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		e.say("interrupted")
		return exitInterrupted
	}
	e.complain(err.Error(), advise(err))
	var usage usageError
	var partly partlyError
	switch {
	case errors.As(err, &partly):
		return exitRunsFailed
	case errors.Is(err, errMismatch):
		return exitMismatch
	case errors.As(err, &usage), errors.Is(err, sweeps.ErrInvalid):
		return exitUsage
	}
	return exitError
}

// say writes a line to the user. Where nobody can read, nobody can be told.
func (e *env) say(format string, args ...any) {
	_, _ = fmt.Fprintf(e.err, "daybook: %s\n", oneLine(fmt.Sprintf(format, args...)))
}

// complain says what is wrong and, unless advice is empty, what to do about it.
func (e *env) complain(what, advice string) {
	e.say("%s", what)
	if advice != "" {
		e.say("hint: %s", advice)
	}
}

// oneLine joins the lines of a text, such as a value quoted from an indented file.
func oneLine(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, " ")
}

// advise returns what to do about an error: its own advice, or what can be
// said of errors of its kind.
func advise(err error) string {
	switch advice := runner.HintOf(err); {
	case advice != "":
		return advice
	case errors.Is(err, sweeps.ErrInvalid) && errors.Is(err, fs.ErrNotExist):
		return "check the spelling, and the folder that the path is relative to"
	case errors.Is(err, sweeps.ErrInvalid):
		return "correct the file and plan it again; nothing was run"
	case errors.Is(err, syscall.ENOSPC):
		return "free some space and run the command again; nothing is lost"
	case errors.Is(err, syscall.EIO):
		return "check the disk, then run the command again"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return "choose a writable folder with --root"
	}
	return ""
}

func newRootCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "daybook",
		Short: "Run fine-tuning experiments declared as code, and keep a ledger others can check",
		Long: `Daybook expands a Jsonnet sweep into QLoRA training runs, measures the base
first and every epoch after, and records which data, code and settings made
each adapter.

Exit codes: 0 ok, 1 error, 2 usage or invalid sweep, 3 some runs failed,
4 verification mismatch, 130 interrupted.`,
		Version:           runner.Version,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		Args:              usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{runner.WithHint(err, "see '"+cmd.CommandPath()+" --help'")}
	})
	cmd.PersistentFlags().StringVar(&e.root, "root", "", "`folder` that holds the ledger (default: the nearest one with .daybook or .git, else the working folder)")
	cmd.AddCommand(
		newPlanCommand(e), newRunCommand(e), newRunsCommand(e), newShowCommand(e), newDiffCommand(e), newReportCommand(e),
		newAdaptersCommand(e), newTagCommand(e), newAuditCommand(e), newTrainedOnCommand(e), newForgetCommand(e), newVerifyCommand(e), newReproduceCommand(e), newLedgerCommand(e),
		newGenerateCommand(e), newChatCommand(e), newServeCommand(e), newMergeCommand(e), newInspectCommand(e), newEstimateCommand(e), newGCCommand(e), newBenchCommand(e), newDoctorCommand(e), newWorkerCommand(e),
	)
	checkArgs(cmd)
	return cmd
}

// checkArgs makes complaints about arguments usage errors, at every level.
func checkArgs(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		sub.Args = usageArgs(sub.Args)
		checkArgs(sub)
	}
}

// usageArgs makes a complaint about arguments a usage error.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	if check == nil {
		check = cobra.NoArgs
	}
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			if !cmd.HasParent() { // an unknown verb
				return usageError{runner.WithHint(err, "see 'daybook --help'")}
			}
			_, want, _ := strings.Cut(cmd.Use, " ")
			if want == "" {
				want = "no argument"
			}
			return usageError{runner.WithHint(fmt.Errorf("%s: want %s, got %s", cmd.Name(), want, count(len(args), "argument")), "usage: "+cmd.UseLine())}
		}
		return nil
	}
}

const rootAdvice = "--root names a folder that exists; the ledger is in its .daybook"

// findRoot returns the root that --root names, or the one around dir.
func (e *env) findRoot(dir string) (runner.Root, error) {
	if e.root == "" {
		return runner.FindRoot(dir)
	}
	info, err := os.Stat(e.root)
	if err != nil {
		return runner.Root{}, usageError{runner.WithHint(fmt.Errorf("--root: %w", err), rootAdvice)}
	}
	if !info.IsDir() {
		return runner.Root{}, usageError{runner.WithHint(fmt.Errorf("--root: %s is not a folder", e.root), rootAdvice)}
	}
	return runner.NewRoot(e.root)
}

// opener is ledger.Open or, for a verb that only asks, ledger.OpenReadOnly.
type opener func(context.Context, string, ledger.Options) (*ledger.Ledger, error)

// openLedger opens the ledger of the root around a folder. Where there is none,
// that is an error with a hint.
func (e *env) openLedger(ctx context.Context, dir string, open opener) (runner.Root, *ledger.Ledger, error) {
	root, err := e.findRoot(dir)
	if err != nil {
		return runner.Root{}, nil, err
	}
	if _, err := os.Stat(root.Ledger()); errors.Is(err, os.ErrNotExist) {
		return runner.Root{}, nil, runner.WithHint(fmt.Errorf("ledger: none in %s", root.Dir), "run a sweep first, or name another folder with --root")
	}
	l, err := open(ctx, root.Ledger(), e.ledgerOptions())
	return root, l, err
}

// openLedgerIfAny opens the ledger of the root around a folder for reading; it is nil
// where there is none.
func (e *env) openLedgerIfAny(ctx context.Context, dir string) (runner.Root, *ledger.Ledger, error) {
	root, err := e.findRoot(dir)
	if err != nil {
		return root, nil, err
	}
	if _, err := os.Stat(root.Ledger()); errors.Is(err, os.ErrNotExist) {
		return root, nil, nil
	}
	l, err := ledger.OpenReadOnly(ctx, root.Ledger(), e.ledgerOptions())
	return root, l, err
}

func (e *env) ledgerOptions() ledger.Options {
	keys := keyring.Default()
	keys.Passphrase = e.passphrase
	return ledger.Options{Now: e.now, Keys: keys}
}
