package sweeps

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Sweep is one evaluated sweep file.
type Sweep struct {
	Name     string    // names folders: letters, digits, '.', '_' and '-'
	Path     string    // as given to Load
	Dir      string    // folder of Path, which paths in specs are relative to
	Digest   string    // SHA-256 over Sources and Args, in hex; of a value from the environment, over its name alone
	Axes     []Axis    // in the order written, which is the order of columns
	Runs     []Run     // in the order written
	Sources  []Source  // the sweep file first, then what it imported, by path
	Args     []Arg     // by kind and name
	Warnings []Warning // of the specs alone; those that need data are the planner's
}

// Axis is a named list of choices.
type Axis struct {
	Name   string   `json:"name"`
	Path   string   `json:"path,omitempty"` // where in the spec its values are put; "" if unknown
	Labels []string `json:"values"`         // in the order written
}

// Choice is the label that a run has on an axis.
type Choice struct {
	Axis  string `json:"axis"`
	Label string `json:"label"`
}

// String returns "rank=4".
func (c Choice) String() string { return c.Axis + "=" + c.Label }

// Run is a spec and its place in the sweep.
type Run struct {
	Axes []Choice `json:"axes"` // one for each of Sweep.Axes, in their order
	Spec Spec     `json:"spec"`
}

// Label returns the choices as "rank=4 data=clean", or "" in a sweep without axes.
func (r Run) Label() string { return choicesString(r.Axes) }

// Choice returns the run's label on an axis, and whether there is such an axis.
func (r Run) Choice(axis string) (label string, ok bool) {
	for _, c := range r.Axes {
		if c.Axis == axis {
			return c.Label, true
		}
	}
	return "", false
}

func choicesString(choices []Choice) string {
	parts := make([]string, len(choices))
	for i, c := range choices {
		parts[i] = c.String()
	}
	return strings.Join(parts, " ")
}

// Source is a file that an evaluation used.
type Source struct {
	// Path is relative to the sweep's folder. A file found in a library path
	// has the path it was imported by, and one outside of both its base name, so
	// that no home folder gets into a record.
	Path    string `json:"path"`
	SHA256  string `json:"sha256"`            // hex, of exactly the bytes used
	Builtin bool   `json:"builtin,omitempty"` // the embedded library
	Content []byte `json:"-"`
	File    string `json:"-"` // where it was read; "" if it is built in
}

// Arg is a value that a file is evaluated with.
type Arg struct {
	Kind  string `json:"kind"` // "ext-str", "ext-code", "tla-str" or "tla-code"
	Name  string `json:"name"`
	Value string `json:"value"`

	// Environment says that the value was not written on the command line but
	// taken from the environment. It may be a secret, so that it must not be
	// recorded, nor any plain digest of it, which would confirm a guess.
	Environment bool `json:"environment,omitempty"`
}

// Only returns the runs that have all of the choices, each written "axis=label".
// An axis or label that the sweep does not have is an error wrapping ErrInvalid.
func (s *Sweep) Only(choices ...string) ([]Run, error) {
	want := make([]Choice, 0, len(choices))
	for _, text := range choices {
		c, err := s.choice(text)
		if err != nil {
			return nil, err
		}
		want = append(want, c)
	}
	var runs []Run
	for _, r := range s.Runs {
		if r.has(want) {
			runs = append(runs, r)
		}
	}
	return runs, nil
}

func (r Run) has(choices []Choice) bool {
	for _, c := range choices {
		if label, ok := r.Choice(c.Axis); !ok || label != c.Label {
			return false
		}
	}
	return true
}

func (s *Sweep) choice(text string) (Choice, error) {
	name, label, ok := strings.Cut(text, "=")
	if !ok {
		return Choice{}, &SpecError{Path: text, Message: "is not a choice", Advice: "write axis=label, such as rank=8"}
	}
	names := make([]string, len(s.Axes))
	for i, a := range s.Axes {
		names[i] = a.Name
		if a.Name != name {
			continue
		}
		for _, l := range a.Labels {
			if l == label || sameNumber(l, label) {
				return Choice{name, l}, nil
			}
		}
		return Choice{}, &SpecError{Path: text, Message: "axis " + name + " has no value " + label, Advice: oneOf(label, a.Labels)}
	}
	advice := oneOf(name, names)
	if len(names) == 0 {
		advice = "it has no axes: it is a single run"
	}
	return Choice{}, &SpecError{Path: text, Message: "the sweep has no axis " + name, Advice: advice}
}

// sameNumber lets 1e-5 stand for the label 0.00001.
func sameNumber(a, b string) bool {
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	return err1 == nil && err2 == nil && x == y
}

// Plain returns the sweep as the plain data that a file evaluates to, with every
// default filled in. Loaded again, it gives the same axes and specs.
func (s *Sweep) Plain() ([]byte, error) {
	type run struct {
		Axes map[string]string `json:"axes"`
		Spec *Spec             `json:"spec"`
	}
	runs := make([]run, len(s.Runs))
	for i := range s.Runs {
		runs[i] = run{map[string]string{}, &s.Runs[i].Spec}
		for _, c := range s.Runs[i].Axes {
			runs[i].Axes[c.Axis] = c.Label
		}
	}
	axes := s.Axes
	if axes == nil {
		axes = []Axis{}
	}
	return json.MarshalIndent(struct {
		Name string `json:"name"`
		Axes []Axis `json:"axes"`
		Runs []run  `json:"runs"`
	}{s.Name, axes, runs}, "", "  ")
}
