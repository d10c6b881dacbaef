package runner

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	_ "embed"

	"daybook/ledger/folder"

	"daybook/engine"
	"daybook/engine/dataset"
	"daybook/ledger"
	"daybook/ledger/evidence"
	"daybook/sweeps"
)

//go:embed without.jsonnet.tmpl
var withoutText string

var withoutTemplate = template.Must(template.New("without").Parse(withoutText))

// WithoutOptions say which sweep is to be repeated, and where that is written.
type WithoutOptions struct {
	Root   Root
	Ledger *ledger.Ledger
	Sweep  string // name; "" if there is one alone
	Path   string // of the new sweep, in the folder of the one that it repeats
}

// Without is a sweep that repeats runs without some records.
type Without struct {
	Sweep   string // that it repeats
	Runs    int
	Records int // left out of some run
}

// withoutRun is a run of the sweep, and what it leaves out.
type withoutRun struct {
	Axes string // JSON: name to label
	IDs  string // JSON: record IDs
}

// WriteWithout writes a sweep that repeats those of the runs that one sweep planned
// without the subjects that they were trained on. It imports that sweep, so that
// what the ledger conceals of it stays where it is. It looks for the records in the
// data as they are now; runs whose data lack them already are repeated as they are.
func WriteWithout(ctx context.Context, subjects []Subject, found []Exposure, o WithoutOptions) (*Without, error) {
	affected := map[string]map[string]bool{} // by sweep: choices
	for _, r := range found {
		for _, run := range r.Trained {
			if run.Through != "" { // its own data lack the record
				continue
			}
			if affected[run.Sweep] == nil {
				affected[run.Sweep] = map[string]bool{}
			}
			affected[run.Sweep][ledger.Label(run.Axes)] = true
		}
	}
	name, err := chooseSweep(slices.Sorted(maps.Keys(affected)), o.Sweep)
	if err != nil {
		return nil, err
	}
	sweep, err := recordedSweep(ctx, o, name)
	if err != nil {
		return nil, err
	}
	out := &Without{Sweep: name}
	p := newPlanner(sweep, PlanOptions{Root: o.Root}, engine.Numerics{})
	var runs []withoutRun
	left := map[[32]byte]bool{}
	for _, r := range sweep.Runs {
		if !affected[name][r.Label()] {
			continue
		}
		ids, err := p.leftOut(r.Spec.Data, subjects)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", sweep.Path, err)
		}
		axes := map[string]string{}
		for _, c := range r.Axes {
			axes[c.Axis] = c.Label
		}
		names := make([]string, len(ids))
		for i, id := range ids {
			left[id], names[i] = true, hex.EncodeToString(id[:])
		}
		runs = append(runs, withoutRun{asJSON(axes), asJSON(names)})
	}
	if len(runs) == 0 {
		return nil, WithHint(fmt.Errorf("--retrain-plan: %s has none of the runs any more that were trained on the records", sweep.Path), "restore the sweep as it was, from the store or from git")
	}
	out.Runs, out.Records = len(runs), len(left)
	return out, writeWithout(ctx, o.Path, sweep, runs)
}

func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings can be written
	}
	return string(text)
}

func chooseSweep(names []string, asked string) (string, error) {
	switch {
	case len(names) == 0:
		return "", WithHint(errors.New("--retrain-plan: no run was trained on the records"), "there is nothing to repeat")
	case asked != "" && !slices.Contains(names, asked):
		return "", WithHint(fmt.Errorf("--sweep: no run of %s was trained on the records", asked), "sweeps whose runs were: "+strings.Join(names, ", "))
	case asked == "" && len(names) > 1:
		return "", WithHint(fmt.Errorf("--retrain-plan: runs of several sweeps were trained on the records: %s", strings.Join(names, ", ")), "name one with --sweep; a plan repeats one sweep")
	case asked == "":
		return names[0], nil
	}
	return asked, nil
}

// recordedSweep loads a sweep's file as it is now, with the arguments that it had.
func recordedSweep(ctx context.Context, o WithoutOptions, name string) (*sweeps.Sweep, error) {
	all, err := o.Ledger.Sweeps(ctx, ledger.SweepFilter{Name: name, Newest: true})
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("sweep %s: %w", name, ledger.ErrNotFound)
	}
	s := all[0]
	if strings.HasPrefix(s.Path, outside) {
		return nil, WithHint(fmt.Errorf("--retrain-plan: sweep %s was outside of the root, where is not recorded", name), "write the plan by hand: d.except(subset, d.ids([...]))")
	}
	path := o.Root.Abs(s.Path)
	at, err := filepath.Abs(o.Path)
	if err != nil {
		return nil, fmt.Errorf("--retrain-plan: %w", err)
	}
	if filepath.Dir(at) != filepath.Dir(path) || at == path {
		return nil, WithHint(fmt.Errorf("--retrain-plan: %s: a plan lies beside the sweep that it repeats, whose paths it shares", o.Path),
			"for example "+filepath.Join(filepath.Dir(path), "without.jsonnet"))
	}
	var recorded []recordedArg
	if err := json.Unmarshal(s.Args, &recorded); err != nil {
		return nil, fmt.Errorf("sweep %s: arguments: %w", name, err)
	}
	load := sweeps.Options{Path: path}
	for _, a := range recorded {
		arg := sweeps.Arg{Kind: a.Kind, Name: a.Name}
		if a.Value != nil {
			arg.Value = *a.Value
		} else {
			arg.Value, arg.Environment = os.LookupEnv(a.Name)
		}
		load.Args = append(load.Args, arg)
	}
	return sweeps.Load(ctx, load)
}

// leftOut returns the IDs of the records that are left for training and are one of
// the subjects, by their IDs or by what they say.
func (p *planner) leftOut(d sweeps.Data, subjects []Subject) ([][32]byte, error) {
	ds, err := p.dataset(d)
	if err != nil {
		return nil, err
	}
	part, err := p.partition(ds, d)
	if err != nil {
		return nil, err
	}
	records, contents := map[[32]byte]bool{}, map[[32]byte]bool{}
	for _, s := range subjects {
		for _, reading := range s.Readings {
			if id, ok := reading[evidence.RecordIdentity]; ok {
				records[id] = true
			}
			if id, ok := reading[evidence.ContentIdentity]; ok {
				contents[id] = true
			}
		}
	}
	return idsOf(ds, part.Train, func(r *dataset.Record) bool { return records[r.ID] || contents[r.ContentID] }), nil
}

// idsOf returns the different IDs of those records that match.
func idsOf(ds *dataset.Dataset, records []int, match func(*dataset.Record) bool) (out [][32]byte) {
	for _, i := range records {
		if r := &ds.Records[i]; match(r) && !slices.Contains(out, r.ID) {
			out = append(out, r.ID)
		}
	}
	return out
}

// writeWithout writes the plan, and has the sweep language read it before it is there.
func writeWithout(ctx context.Context, path string, sweep *sweeps.Sweep, runs []withoutRun) (err error) {
	var flags strings.Builder
	for _, a := range sweep.Args {
		_, _ = fmt.Fprintf(&flags, " --%s %s", a.Kind, a.Name)
	}
	var text bytes.Buffer
	if err := withoutTemplate.Execute(&text, map[string]any{
		"Name": sweep.Name, "File": asJSON(filepath.Base(sweep.Path)), "Flags": flags.String(), "Runs": runs,
	}); err != nil {
		return fmt.Errorf("--retrain-plan: %w", err)
	}
	file, err := folder.Create(path, 0o600)
	if err != nil {
		return fmt.Errorf("--retrain-plan: %w", err)
	}
	defer func() { err = errors.Join(err, file.Cleanup()) }()
	if _, err := file.Write(text.Bytes()); err != nil {
		return fmt.Errorf("--retrain-plan: %w", err)
	}
	if _, err := sweeps.Load(ctx, sweeps.Options{Path: file.Name(), Args: sweep.Args}); err != nil {
		return fmt.Errorf("--retrain-plan: %w", err)
	}
	if err := file.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("--retrain-plan: %w", err)
	}
	return nil
}
