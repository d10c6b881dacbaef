package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"daybook/ledger"
	"daybook/reports"
	"daybook/runner"
)

func newAdaptersCommand(e *env) *cobra.Command {
	var sweep string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "adapters",
		Short: "List adapter versions and the aliases that point at them",
		Long: `Adapters lists what was published. The alias best is kept by run: within the
row that the report marks, the seed with the best validation result. Versions of other
machines, which 'daybook ledger merge' brought in, follow after their origin's name.`,
		Example: `  daybook adapters
  daybook adapters --sweep clinical --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runAdapters(cmd.Context(), e, sweep, asJSON)
		},
	}
	cmd.Flags().StringVar(&sweep, "sweep", "", "only versions of this `sweep`")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// listedAdapter is a version with its aliases.
type listedAdapter struct {
	ledger.Adapter
	Aliases []string `json:"aliases"`
	Origin  string   `json:"origin,omitempty"` // merged ledger that it is of; "" for this one
}

func runAdapters(ctx context.Context, e *env, sweep string, asJSON bool) (err error) {
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
	if sweep != "" {
		if err := knownSweep(ctx, "adapters", sweep, l, all); err != nil {
			return err
		}
	}
	list, err := versionsOf(ctx, ledgerAt{root: root, ledger: l}, sweep)
	if err != nil {
		return err
	}
	for _, o := range all {
		more, err := versionsOf(ctx, ledgerAt{root: o.Root, ledger: o.Ledger, origin: o}, sweep)
		if err != nil {
			return fmt.Errorf("origin %s: %w", o.Name, err)
		}
		list = append(list, more...)
	}
	if asJSON {
		return printJSON(e.out, list)
	}
	var rows [][]string
	for _, a := range list {
		name, path := a.Name(), a.Path
		if a.Origin != "" {
			name, path = a.Origin+"/"+name, root.Rel(root.Origin(a.Origin).Abs(a.Path))
		}
		rows = append(rows, []string{
			name, strings.Join(a.Aliases, ", "), short(a.Digest), short(a.Run),
			strconv.Itoa(a.Epoch), reports.Bytes(float64(a.Bytes)), path,
		})
	}
	return printList(e.out, []string{"adapter", "alias", "digest", "run", ">epoch", ">size", "folder"}, rows)
}

// versionsOf returns what a ledger has published.
func versionsOf(ctx context.Context, at ledgerAt, sweep string) ([]listedAdapter, error) {
	found, err := at.ledger.Adapters(ctx, ledger.AdapterFilter{Sweep: sweep})
	if err != nil {
		return nil, err
	}
	aliases, err := at.ledger.Aliases(ctx, sweep)
	if err != nil {
		return nil, err
	}
	list := make([]listedAdapter, 0, len(found))
	for _, a := range found {
		item := listedAdapter{Adapter: a, Aliases: []string{}}
		if at.origin != nil {
			item.Origin = at.origin.Name
		}
		for _, alias := range aliases {
			if alias.Sweep == a.Sweep && alias.Version == a.Version {
				item.Aliases = append(item.Aliases, alias.Alias)
			}
		}
		list = append(list, item)
	}
	return list, nil
}

func newTagCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "tag ADAPTER ALIAS",
		Short: "Point an alias at an adapter version",
		Long: `Tag gives an adapter version a name of its own, such as clinical@production.
Moving an alias is a new fact: the ledger keeps where it pointed before.`,
		Example: `  daybook tag clinical@v7 production
  daybook tag clinical@best reviewed`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			root, l, err := e.openLedger(cmd.Context(), ".", ledger.Open)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, l.Close()) }()
			if err := e.ownVersion(cmd.Context(), root, l, "tag", args[0]); err != nil {
				return err
			}
			a, err := l.Adapter(cmd.Context(), args[0])
			if err != nil {
				return runner.WithHint(err, "'daybook adapters' lists the versions")
			}
			if err := l.Tag(cmd.Context(), ledger.Alias{Sweep: a.Sweep, Alias: args[1], Version: a.Version, Time: e.now().UTC()}); errors.Is(err, ledger.ErrInvalid) {
				return usageError{err}
			} else if err != nil {
				return err
			}
			_, err = fmt.Fprintf(e.out, "%s@%s is %s\n", a.Sweep, args[1], a.Name())
			return err
		},
	}
}
