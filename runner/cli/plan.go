package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"daybook/engine/device"
	"daybook/ledger"
	"daybook/ledger/store"
	"daybook/runner"
	"daybook/runner/worker"
	"daybook/sweeps"
)

// sweepFlags choose a sweep's inputs and runs; plan and run share them.
type sweepFlags struct {
	libraries                        []string
	extStr, extCode, tlaStr, tlaCode []string
	device                           string
	only                             []string
	limit                            int
	again                            bool
}

func (f *sweepFlags) register(cmd *cobra.Command) {
	f.jsonnet(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.device, "device", "auto", deviceHelp)
	flags.StringArrayVar(&f.only, "only", nil, "only runs with this `choice`, such as rank=8 (repeatable)")
	flags.IntVar(&f.limit, "limit", 0, "at most this many new runs, beside the baselines (0: all)")
	flags.BoolVar(&f.again, "again", false, "train finished runs again, and interrupted ones from the beginning")
}

// jsonnet registers the flags that Jsonnet tools have everywhere.
func (f *sweepFlags) jsonnet(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.libraries, "jpath", "J", nil, "`folder` to import Jsonnet libraries from (repeatable)")
	flags.StringArrayVarP(&f.extStr, "ext-str", "V", nil, "external variable `name=value`; the name alone takes the value from the environment and records only its keyed digest (repeatable)")
	flags.StringArrayVar(&f.extCode, "ext-code", nil, "external variable `name=code` (repeatable)")
	flags.StringArrayVarP(&f.tlaStr, "tla-str", "A", nil, "top-level argument `name=value` (repeatable)")
	flags.StringArrayVar(&f.tlaCode, "tla-code", nil, "top-level argument `name=code` (repeatable)")
}

// options returns the flags as Load wants them. A name without "=" takes its
// value from the environment, as the jsonnet command does.
func (f *sweepFlags) options(path string) (sweeps.Options, error) {
	o := sweeps.Options{Path: path, LibraryPaths: f.libraries}
	for _, g := range []struct {
		flag  string
		given []string
	}{{"ext-str", f.extStr}, {"ext-code", f.extCode}, {"tla-str", f.tlaStr}, {"tla-code", f.tlaCode}} {
		for _, text := range g.given {
			a := sweeps.Arg{Kind: g.flag}
			var written bool
			if a.Name, a.Value, written = strings.Cut(text, "="); !written {
				if a.Value, a.Environment = os.LookupEnv(a.Name); !a.Environment {
					return o, usageError{runner.WithHint(fmt.Errorf("--%s: %s has no value and is not in the environment", g.flag, a.Name), "write --"+g.flag+" name=value")}
				}
			}
			o.Args = append(o.Args, a)
		}
	}
	return o, nil
}

// planned is a plan with what it was made in.
type planned struct {
	root   runner.Root
	ledger *ledger.Ledger // nil if there is none and none was to be made
	store  *store.Store
	plan   *runner.Plan

	origins runner.Origins // merged into the ledger
}

func (p *planned) close() error {
	if p.ledger == nil {
		return nil
	}
	return errors.Join(p.origins.Close(), p.ledger.Close())
}

// planGarbage is how far the heap may grow while a sweep is planned before it is looked
// through, in percent of what is alive. Jsonnet makes 1 GB of garbage of a sweep of
// 10,000 runs, and at Go's 100 two fifths of the time went into collecting it.
const planGarbage = 400

// load evaluates a sweep and plans it. With create it prepares the root for
// running: state folder, ledger and record key.
func (f *sweepFlags) load(ctx context.Context, e *env, path string, create bool) (_ *planned, err error) {
	if f.limit < 0 {
		return nil, usageError{runner.WithHint(fmt.Errorf("--limit: %d is negative", f.limit), "0 means all")}
	}
	if _, err := device.Resolve(f.device); errors.Is(err, device.ErrName) {
		return nil, usageError{fmt.Errorf("--device: %w", err)}
	} else if err != nil {
		return nil, err
	}
	opts, err := f.options(path)
	if err != nil {
		return nil, err
	}
	defer debug.SetGCPercent(debug.SetGCPercent(planGarbage))
	root, err := e.findRoot(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	if !create { // what is recorded comes from the file itself
		opts.Memory = root.Evaluations()
	}
	sweep, err := sweeps.Load(ctx, opts)
	if err != nil {
		return nil, err
	}
	p := &planned{root: root}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	o := runner.PlanOptions{Root: root, Device: f.device, Hub: e.hub, Only: f.only, Limit: f.limit, Again: f.again, Numerics: worker.Numerics}
	_, statErr := os.Stat(root.Ledger())
	if create {
		if err := root.Prepare(); err != nil {
			return nil, err
		}
		if o.Key, err = root.RecordKey(); err != nil {
			return nil, err
		}
	}
	if create || statErr == nil {
		open := opener(ledger.OpenReadOnly)
		if create {
			open = ledger.Open
		}
		if p.ledger, err = open(ctx, root.Ledger(), e.ledgerOptions()); err != nil {
			return nil, err
		}
		o.Ledger = p.ledger
		if p.origins, err = e.origins(ctx, root, p.ledger); err != nil {
			return nil, err
		}
		o.Origins = p.origins
	}
	if create {
		p.store = store.New(root.Store())
		damaged, err := runner.CatchUp(ctx, root, p.ledger)
		if err != nil {
			return nil, err
		}
		for _, damage := range damaged {
			e.say("warning: %v; the rest of it is not read", damage)
		}
	}
	p.plan, err = runner.NewPlan(ctx, sweep, o)
	return p, err
}

func newPlanCommand(e *env) *cobra.Command {
	var f sweepFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "plan SWEEP",
		Short: "List a sweep's runs, their state, warnings and cost; trains nothing",
		Example: `  daybook plan experiments/clinical/sweep.jsonnet
  daybook plan sweep.jsonnet --only rank=8 --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			p, err := f.load(cmd.Context(), e, args[0], false)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, p.close()) }()
			list, err := p.plan.List(cmd.Context(), f.again)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(e.out, list)
			}
			return printPlan(e.out, list)
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
