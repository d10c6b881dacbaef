package sweeps

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	sweepName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?$`) // no dot at the end, no '@'
	axisName  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,62}$`)                   // no '=', for axis=label
)

// plan is plain sweep data, decoded as far as it does not need types.
type plan struct {
	name string
	axes []Axis
	runs []Run

	forms map[string]*form // by what cutRun has of them
	of    []*form          // of the runs
}

// form is what specs have in common that differ in the seed alone.
type form struct {
	spec      Spec
	canonical string // with the seed at 0
	faulty    bool
}

func parseJSON(data []byte) (any, error) {
	var v any
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("data after the end")
	}
	return v, nil
}

// expand decodes plain sweep data. Its errors have paths but no files.
func expand(in any) (*plan, *SpecError) {
	top, ok := in.(map[string]any)
	if !ok {
		return nil, &SpecError{Message: "a sweep file must evaluate to an object, not " + describe(in), Advice: "end it with d.sweep(name, base, axes)"}
	}
	if err := onlyKeys("", top, "name", "axes", "runs"); err != nil {
		return nil, err
	}
	p := &plan{}
	if err := p.readName(top["name"]); err != nil {
		return nil, err
	}
	if err := p.readAxes(top["axes"]); err != nil {
		return nil, err
	}
	list, ok := top["runs"].([]any)
	switch {
	case top["runs"] == nil:
		return nil, &SpecError{Path: "runs", Message: "is missing", Advice: "end the file with d.sweep(name, base, axes)"}
	case !ok:
		return nil, &SpecError{Path: "runs", Message: "must be a list, not " + describe(top["runs"])}
	case len(list) == 0:
		return nil, &SpecError{Path: "runs", Message: "there are no runs"}
	}
	if err := p.readRuns(list); err != nil {
		return nil, err
	}
	if err := p.refuseRepeats(); err != nil {
		return nil, err
	}
	return p, p.refuseCriteria()
}

func onlyKeys(path string, m map[string]any, valid ...string) *SpecError {
	var unknown []string
	for key := range m {
		if !slices.Contains(valid, key) {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return &SpecError{Path: join(path, unknown[0]), Message: "unknown key", Advice: oneOf(unknown[0], valid)}
}

func (p *plan) readName(in any) *SpecError {
	name, ok := in.(string)
	switch {
	case in == nil:
		return &SpecError{Path: "name", Message: "is missing", Advice: "it names the folder of the adapters"}
	case !ok:
		return &SpecError{Path: "name", Message: "must be a string, not " + describe(in)}
	case !sweepName.MatchString(name):
		return &SpecError{
			Path: "name", Message: fmt.Sprintf("%q cannot name a folder", name),
			Advice: "use up to 64 letters, digits, '.', '_' and '-', beginning with a letter or digit and not ending in '.'",
		}
	}
	p.name = name
	return nil
}

func (p *plan) readAxes(in any) *SpecError {
	if in == nil {
		return nil
	}
	list, ok := in.([]any)
	if !ok {
		return &SpecError{Path: "axes", Message: "must be a list, not " + describe(in)}
	}
	for i, item := range list {
		path := fmt.Sprintf("axes[%d]", i)
		axis, err := readAxis(path, item)
		if err != nil {
			return err
		}
		if j := slices.IndexFunc(p.axes, func(a Axis) bool { return a.Name == axis.Name }); j >= 0 {
			return &SpecError{Path: path, Message: fmt.Sprintf("axes[%d] is also named %q", j, axis.Name)}
		}
		p.axes = append(p.axes, axis)
	}
	return nil
}

func readAxis(path string, in any) (Axis, *SpecError) {
	if name, ok := in.(string); ok {
		in = map[string]any{"name": name}
	}
	m, ok := in.(map[string]any)
	if !ok {
		return Axis{}, &SpecError{Path: path, Message: "must be a name or an object, not " + describe(in)}
	}
	if err := onlyKeys(path, m, "name", "path", "values"); err != nil {
		return Axis{}, err
	}
	var axis Axis
	for key, to := range map[string]*string{"name": &axis.Name, "path": &axis.Path} {
		if v, given := m[key]; given {
			if *to, ok = v.(string); !ok {
				return Axis{}, &SpecError{Path: join(path, key), Message: "must be a string, not " + describe(v)}
			}
		}
	}
	if !axisName.MatchString(axis.Name) {
		return Axis{}, &SpecError{
			Path: path + ".name", Message: fmt.Sprintf("%q cannot name an axis", axis.Name),
			Advice: "use up to 63 letters, digits, '.', '_' and '-', beginning with a letter or '_'",
		}
	}
	if m["values"] == nil {
		return axis, nil
	}
	values, ok := m["values"].([]any)
	if !ok {
		return Axis{}, &SpecError{Path: path + ".values", Message: "must be a list, not " + describe(m["values"])}
	}
	if len(values) == 0 {
		return Axis{}, &SpecError{Path: path + ".values", Message: fmt.Sprintf("axis %s has no values", axis.Name)}
	}
	for i, v := range values {
		at := fmt.Sprintf("%s.values[%d]", path, i)
		label, err := readLabel(at, v)
		if err != nil {
			return Axis{}, err
		}
		if slices.Contains(axis.Labels, label) {
			return Axis{}, &SpecError{Path: at, Message: fmt.Sprintf("axis %s has the value %s twice", axis.Name, label)}
		}
		axis.Labels = append(axis.Labels, label)
	}
	return axis, nil
}

func readLabel(path string, in any) (string, *SpecError) {
	switch v := in.(type) {
	case string:
		if strings.TrimSpace(v) == "" || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return "", &SpecError{Path: path, Message: fmt.Sprintf("%q cannot be a label", v), Advice: "use printable text"}
		}
		return v, nil
	case float64:
		return number(v), nil
	case bool:
		return strconv.FormatBool(v), nil
	default:
		return "", &SpecError{Path: path, Message: "must be a string, number or boolean, not " + describe(in)}
	}
}

// readRuns decodes every run and returns the first error, with the number of
// runs that have the same one.
func (p *plan) readRuns(list []any) *SpecError {
	declared := make([]bool, len(p.axes))
	for i, a := range p.axes {
		declared[i] = len(a.Labels) > 0
	}
	var first *SpecError
	for i, item := range list {
		run, form, err := p.readRun(fmt.Sprintf("runs[%d]", i), item, declared)
		switch {
		case err == nil:
			p.runs, p.of = append(p.runs, run), append(p.of, form)
		case first == nil:
			first = err
		case sameFault(err, first):
			first.Others++
		}
	}
	return first
}

// sameFault reports whether two runs are wrong in the same place in the same way.
func sameFault(a, b *SpecError) bool {
	_, pathA, _ := strings.Cut(a.Path, "]")
	_, pathB, _ := strings.Cut(b.Path, "]")
	return pathA == pathB && a.Message == b.Message
}

func (p *plan) readRun(path string, in any, declared []bool) (Run, *form, *SpecError) {
	if cut, ok := in.(*cutRun); ok {
		if f, seed, ok := p.formOf(cut); ok {
			axes, err := parseAxes(cut.axes)
			if err == nil {
				choices, err := p.readChoices(path+".axes", axes, declared)
				run := Run{Axes: choices, Spec: f.spec}
				run.Spec.Seed = seed
				return run, f, err
			}
		}
		var err error
		if in, err = parseJSON(cut.text); err != nil {
			return Run{}, nil, &SpecError{Path: path, Message: "is no JSON: " + err.Error(), Err: err}
		}
	}
	m, ok := in.(map[string]any)
	if !ok {
		return Run{}, nil, &SpecError{Path: path, Message: "must be an object, not " + describe(in)}
	}
	if err := onlyKeys(path, m, "axes", "spec"); err != nil {
		return Run{}, nil, err
	}
	choices, err := p.readChoices(path+".axes", m["axes"], declared)
	if err != nil {
		return Run{}, nil, err
	}
	if m["spec"] == nil {
		return Run{}, nil, &SpecError{Path: path + ".spec", Axes: choices, Message: "is missing"}
	}
	spec, errs := decodeSpec(path+".spec", m["spec"])
	if len(errs) > 0 {
		errs[0].Axes = choices
		return Run{}, nil, errs[0]
	}
	f, fault := newForm(spec)
	if fault != nil {
		return Run{}, nil, &SpecError{Path: path + ".spec", Axes: choices, Message: fault.Error(), Err: fault}
	}
	return Run{Axes: choices, Spec: spec}, f, nil
}

// formOf returns the form of a run and its seed; false says that something is wrong
// with them, which is then to be found where it is.
func (p *plan) formOf(r *cutRun) (_ *form, seed uint64, ok bool) {
	f := p.forms[r.form]
	if f == nil {
		f = &form{faulty: true}
		if in, err := parseJSON([]byte(r.form)); err == nil {
			if spec, errs := decodeSpec("", in); len(errs) == 0 {
				if known, err := newForm(spec); err == nil {
					f = known
				}
			}
		}
		if p.forms == nil {
			p.forms = map[string]*form{}
		}
		p.forms[r.form] = f
	}
	if f.faulty {
		return nil, 0, false
	}
	if r.seed == nil {
		return f, f.spec.Seed, true
	}
	seed, err := strconv.ParseUint(string(r.seed), 10, 64) // as Jsonnet writes small ones
	return f, seed, err == nil && seed <= maxSafe
}

func newForm(spec Spec) (*form, error) {
	f := &form{spec: spec}
	spec.Seed = 0
	data, err := spec.Canonical()
	f.canonical = string(data)
	return f, err
}

// parseAxes decodes the axes of a run, which need not have any.
func parseAxes(text []byte) (any, error) {
	if text == nil {
		return nil, nil
	}
	return parseJSON(text)
}

func (p *plan) readChoices(path string, in any, declared []bool) ([]Choice, *SpecError) {
	m, ok := in.(map[string]any)
	if in != nil && !ok {
		return nil, &SpecError{Path: path, Message: "must be an object, not " + describe(in)}
	}
	names := make([]string, len(p.axes))
	for i, a := range p.axes {
		names[i] = a.Name
	}
	if err := onlyKeys(path, m, names...); err != nil {
		err.Message = "there is no such axis"
		return nil, err
	}
	choices := make([]Choice, 0, len(p.axes))
	for i := range p.axes {
		a := &p.axes[i]
		v, ok := m[a.Name]
		if !ok {
			return nil, &SpecError{Path: join(path, a.Name), Axes: choices, Message: "the run has no value for axis " + a.Name}
		}
		label, err := readLabel(join(path, a.Name), v)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(a.Labels, label) {
			if declared[i] {
				return nil, &SpecError{Path: join(path, a.Name), Message: fmt.Sprintf("axis %s has no value %s", a.Name, label), Advice: oneOf(label, a.Labels)}
			}
			a.Labels = append(a.Labels, label)
		}
		choices = append(choices, Choice{a.Name, label})
	}
	return choices, nil
}

// refuseRepeats finds runs that no table could tell apart, or that are the
// same experiment under two names.
func (p *plan) refuseRepeats() *SpecError {
	type spec struct {
		canonical string
		seed      uint64
	}
	labels, specs := map[string]int{}, map[spec]int{}
	for i, r := range p.runs {
		path := fmt.Sprintf("runs[%d]", i)
		label := fmt.Sprintf("%q", r.Axes)
		if j, ok := labels[label]; ok {
			return &SpecError{Path: path, Axes: r.Axes, Message: fmt.Sprintf("duplicate run: runs[%d] has the same values on all axes", j)}
		}
		labels[label] = i
		same := spec{p.of[i].canonical, r.Spec.Seed}
		if j, ok := specs[same]; ok {
			message := fmt.Sprintf("duplicate run: runs[%d] has the same spec", j)
			if other := p.runs[j].Label(); other != "" {
				message = fmt.Sprintf("duplicate run: runs[%d] (%s) has the same spec", j, other)
			}
			return &SpecError{Path: path, Axes: r.Axes, Message: message, Advice: "drop one with keep, or make the axis set something that differs"}
		}
		specs[same] = i
	}
	return nil
}

// refuseCriteria finds runs that are judged otherwise than the first: whose epoch
// and whose row is the best is decided by one metric in the whole sweep.
func (p *plan) refuseCriteria() *SpecError {
	first := p.runs[0].Spec.Eval.Select
	for i, r := range p.runs {
		if s := r.Spec.Eval.Select; s != first {
			return &SpecError{
				Path: fmt.Sprintf("runs[%d].spec.eval.select", i), Axes: r.Axes,
				Message: fmt.Sprintf("is %s, but %s in runs[0]: rows judged by different criteria can't be compared", s, first),
				Advice:  "choose one for the sweep, or write a sweep for each",
			}
		}
	}
	return nil
}
