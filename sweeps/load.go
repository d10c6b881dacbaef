package sweeps

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"
)

// Options says what to evaluate, and with what.
type Options struct {
	Path         string   // sweep file
	LibraryPaths []string // -J: searched after the importing file's folder, last first
	ExtStr       map[string]string
	ExtCode      map[string]string
	TLAStr       map[string]string
	TLACode      map[string]string
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
	im := newImporter(s.Dir, opts.LibraryPaths)
	data, err := evaluate(newVM(im, args), im, path)
	if err != nil {
		return nil, err
	}
	in, err := parseJSON([]byte(data))
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
	for _, group := range []struct {
		kind   string
		values map[string]string
	}{{"ext-code", o.ExtCode}, {"ext-str", o.ExtStr}, {"tla-code", o.TLACode}, {"tla-str", o.TLAStr}} {
		for _, name := range slices.Sorted(maps.Keys(group.values)) {
			list = append(list, Arg{group.kind, name, group.values[name]})
		}
	}
	for i, a := range list {
		for _, b := range list[i+1:] {
			if a.Name == b.Name && a.Kind[:3] == b.Kind[:3] {
				return nil, &SpecError{Message: fmt.Sprintf("%s is given with --%s and with --%s", a.Name, a.Kind, b.Kind)}
			}
		}
	}
	return list, nil
}

// newVM is the only place that makes a Jsonnet machine.
func newVM(im *importer, args []Arg) *jsonnet.VM {
	vm := jsonnet.MakeVM()
	vm.Importer(im)
	set := map[string]func(name, value string){
		"ext-str": vm.ExtVar, "ext-code": vm.ExtCode, "tla-str": vm.TLAVar, "tla-code": vm.TLACode,
	}
	for _, a := range args {
		set[a.Kind](a.Name, a.Value)
	}
	return vm
}

func evaluate(vm *jsonnet.VM, im *importer, path string) (string, error) {
	if isDir(path) {
		return "", &SpecError{File: path, Message: "is a folder", Advice: "name the file: " + filepath.Join(path, "sweep.jsonnet")}
	}
	node, _, err := vm.ImportAST("", path)
	if im.missing != nil {
		return "", &SpecError{File: path, Message: "no such file", Err: im.missing}
	}
	if err != nil {
		return "", evaluationError(err, im, path)
	}
	data, err := vm.Evaluate(node)
	if err != nil {
		return "", evaluationError(err, im, path)
	}
	return data, nil
}

// located is implemented by Jsonnet's syntax errors.
type located interface {
	error
	Loc() ast.LocationRange
}

// evaluationError turns an error of Jsonnet into one with a place in a file
// that the author can edit.
func evaluationError(err error, im *importer, path string) error {
	var syntax located
	if errors.As(err, &syntax) {
		return syntaxError(syntax, path)
	}
	var runtime jsonnet.RuntimeError
	if !errors.As(err, &runtime) {
		return &SpecError{File: path, Message: strings.TrimSpace(err.Error()), Err: err}
	}
	// A syntax error in an imported file arrives as text.
	for at, f := range im.found {
		var syntax located
		if _, err := jsonnet.SnippetToAST(at, string(f.source.Content)); errors.As(err, &syntax) && strings.Contains(runtime.Msg, syntax.Error()) {
			return syntaxError(syntax, at)
		}
	}
	e := &SpecError{File: path, Message: strings.TrimSuffix(runtime.Msg, "."), Err: err}
	for _, frame := range slices.Backward(runtime.StackTrace) { // innermost first
		if f, ok := im.found[frame.Loc.FileName]; ok && !f.source.Builtin {
			e.File, e.Line = frame.Loc.FileName, frame.Loc.Begin.Line
			break
		}
	}
	e.Advice = adviceFor(runtime.Msg)
	if im.missing != nil && strings.Contains(runtime.Msg, im.missing.Error()) {
		e.Err = im.missing
		e.Advice = "looked for " + strings.Join(im.missing.tried, ", ") + "; -J FOLDER adds a folder to look in"
		if nearest(im.missing.path, []string{libraryName}) != "" {
			e.Advice = "did you mean " + libraryName + "?"
		}
	}
	return e
}

func syntaxError(err located, path string) *SpecError {
	loc := err.Loc()
	_, message, _ := strings.Cut(err.Error(), " ") // the location comes first
	if !loc.IsSet() {
		message = err.Error()
	}
	return &SpecError{File: path, Line: loc.Begin.Line, Message: "syntax error: " + strings.TrimSpace(message), Err: err}
}

var (
	undefinedExternal = regexp.MustCompile(`^Undefined external variable: (\S+)`)
	missingArgument   = regexp.MustCompile(`^Missing argument: (\S+)`)
)

// adviceFor knows what to do about the errors that flags repair.
func adviceFor(message string) string {
	if m := undefinedExternal.FindStringSubmatch(message); m != nil {
		return "give it with --ext-str " + m[1] + "=VALUE"
	}
	if m := missingArgument.FindStringSubmatch(message); m != nil {
		return "if the file is a function, give it with --tla-str " + m[1] + "=VALUE"
	}
	return ""
}

// digest covers everything that an evaluation depends on.
func digest(sources []Source, args []Arg) (string, error) {
	data, err := canonical(map[string]any{"sources": sources, "args": args})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}
