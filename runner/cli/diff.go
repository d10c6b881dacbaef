package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"daybook/ledger"
)

func newDiffCommand(e *env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "diff RUN RUN",
		Short:   "Show what differs between two runs: spec, data, code, environment, results",
		Long:    "Diff lists what two runs have differently. RUN is the start of a key, as runs lists it: four digits or more; after an origin's name and / if another machine's ledger has it.",
		Example: "  daybook diff 3f9a 77c0",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			at, refs, closeAll, err := e.openPlaces(cmd.Context(), args...)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, closeAll()) }()
			changes, titles, err := diffRuns(cmd.Context(), at, refs)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(e.out, changes)
			}
			if len(changes) == 0 {
				_, err := fmt.Fprintln(e.out, "the runs are the same")
				return err
			}
			var rows [][]string
			for _, c := range changes {
				rows = append(rows, []string{c.Path, orDash(c.A), orDash(c.B)})
			}
			return printList(e.out, []string{"", titles[0], titles[1]}, rows)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// change is one value that two runs have differently; "" where one lacks it.
type change struct {
	Path string `json:"path"` // such as "spec.train.lora.rank"
	A    string `json:"a"`
	B    string `json:"b"`
}

// diffRuns returns what two runs have differently, and their titles.
func diffRuns(ctx context.Context, at []ledgerAt, refs []string) (changes []change, titles [2]string, err error) {
	left, err := layOut(ctx, at[0].ledger, refs[0])
	if err != nil {
		return nil, titles, err
	}
	right, err := layOut(ctx, at[1].ledger, refs[1])
	if err != nil {
		return nil, titles, err
	}
	changes = []change{} // JSON's empty list, not null
	for _, path := range order(left, right) {
		if left.values[path] != right.values[path] {
			changes = append(changes, change{path, left.values[path], right.values[path]})
		}
	}
	return changes, [2]string{at[0].called(left.title), at[1].called(right.title)}, nil
}

// flat is a run as paths and values, in an order that people read in.
type flat struct {
	title  string
	paths  []string
	values map[string]string
}

func (f *flat) set(path, value string) {
	if _, ok := f.values[path]; !ok {
		f.paths = append(f.paths, path)
	}
	f.values[path] = value
}

// order lists the paths of a, and those that only b has where b has them.
func order(a, b *flat) []string {
	out := slices.Clone(a.paths)
	at := 0 // behind the path of b before
	for _, p := range b.paths {
		if _, ok := a.values[p]; ok {
			at = slices.Index(out, p) + 1
			continue
		}
		out = slices.Insert(out, at, p)
		at++
	}
	return out
}

// layOut lays a run out for comparison.
func layOut(ctx context.Context, l *ledger.Ledger, ref string) (*flat, error) {
	d, err := readDetails(ctx, l, ref)
	if err != nil {
		return nil, err
	}
	r := d.Run
	f := &flat{title: runTitle(r.Kind, r.Name, r.Key, r.Axes), values: map[string]string{}}
	f.set("run", short(r.Key))
	f.set("state", string(r.State))
	decoder := json.NewDecoder(bytes.NewReader(r.Spec))
	decoder.UseNumber()
	var spec any
	if err := decoder.Decode(&spec); err != nil {
		return nil, fmt.Errorf("run %s: spec: %w", short(r.Key), err)
	}
	f.flatten("spec", spec)
	f.set("base", short(r.Base))
	f.set("numerics", r.Numerics)
	for _, s := range d.Sets {
		f.set("data."+s.Role, fmt.Sprintf("%d records %s", s.Records, short(s.Digest)))
		f.set("data.file", short(s.Dataset.Digest))
	}
	if a := r.Origin(); a != nil {
		f.set("git.commit", short(a.Git.Commit))
		f.set("git.dirty", strconv.FormatBool(a.Git.Dirty))
		for _, k := range slices.Sorted(maps.Keys(a.Engine)) {
			f.set("engine."+k, a.Engine[k])
		}
		for _, k := range slices.Sorted(maps.Keys(a.Environment)) {
			f.set("environment."+k, a.Environment[k])
		}
		for _, k := range slices.Sorted(maps.Keys(a.Device)) {
			f.set("device."+k, a.Device[k])
		}
	}
	if r.ChosenEpoch > 0 {
		f.set("chosen epoch", strconv.Itoa(r.ChosenEpoch))
		f.set("adapter", short(r.Adapter))
	}
	for _, v := range find(d.Evaluations, "test", r.ChosenEpoch) {
		if v.By == "" {
			f.set("test."+v.Metric, valueText(v))
		}
	}
	return f, nil
}

// flatten adds the leaves of a JSON value.
func (f *flat) flatten(path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			f.flatten(path+"."+k, v[k])
		}
	case []any:
		text, err := json.Marshal(v)
		if err != nil {
			text = []byte(fmt.Sprint(v))
		}
		f.set(path, string(text))
	default:
		f.set(path, fmt.Sprint(v))
	}
}
