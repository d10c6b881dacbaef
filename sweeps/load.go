package sweeps

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Options says what to evaluate, and with what.
type Options struct {
	Path         string   // sweep file
	LibraryPaths []string // -J: searched after the importing file's folder, last first
	Args         []Arg    // in any order; of several with one kind and name the last counts
	Memory       Memory   // of large evaluations; nil evaluates in any case
}

// Load evaluates a sweep file and returns it with defaults filled in and every
// value checked. Errors wrap ErrInvalid, except for that of ctx. An evaluation
// that ctx ends goes on in the background until it returns by itself, because
// Jsonnet can't be interrupted.
func Load(ctx context.Context, opts Options) (*Sweep, error) {
	type result struct {
		sweep *Sweep
		err   error
	}
	done := make(chan result, 1)
	go func() {
		s, err := load(opts)
		done <- result{s, err}
	}()
	select {
	case r := <-done:
		return r.sweep, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: %w", opts.Path, ctx.Err())
	}
}

func load(opts Options) (*Sweep, error) {
	args, err := opts.args()
	if err != nil {
		return nil, err
	}
	path := filepath.Clean(opts.Path)
	s := &Sweep{Path: opts.Path, Dir: filepath.Dir(path), Args: args}
	data, im, err := opts.evaluated(path, args)
	if err != nil {
		return nil, err
	}
	in, err := parseSweep([]byte(data))
	if err != nil {
		return nil, &SpecError{File: path, Message: "evaluates to no JSON: " + err.Error(), Err: err}
	}
	p, fault := expand(in)
	if fault != nil {
		fault.File = path
		newLocator(im, path, axesOf(in)).place(fault)
		return nil, fault
	}
	s.Name, s.Axes, s.Runs = p.name, p.axes, p.runs
	s.Sources = im.sources(path)
	s.Warnings = warnings(s.Runs)
	s.Digest, err = digest(s.Sources, s.Args)
	return s, err
}

// args returns the arguments in a fixed order.
func (o Options) args() ([]Arg, error) {
	var list []Arg
	for _, a := range slices.Backward(o.Args) { // the last first
		i := slices.IndexFunc(list, func(b Arg) bool { return a.Name == b.Name && a.Kind[:3] == b.Kind[:3] })
		switch {
		case i < 0:
			list = append(list, a)
		case list[i].Kind != a.Kind:
			return nil, &SpecError{Message: fmt.Sprintf("%s is given with --%s and with --%s", a.Name, a.Kind, list[i].Kind)}
		}
	}
	slices.SortFunc(list, func(a, b Arg) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name))
	})
	return list, nil
}

// digest covers everything that an evaluation depends on, apart from values from
// the environment.
func digest(sources []Source, args []Arg) (string, error) {
	args = slices.Clone(args)
	for i := range args {
		if args[i].Environment {
			args[i].Value = ""
		}
	}
	data, err := Canonical(map[string]any{"sources": sources, "args": args})
	if err != nil {
		return "", err
	}
	return digestOf(data), nil
}
