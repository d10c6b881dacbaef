package sweeps

import (
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"
)

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

func evaluate(vm *jsonnet.VM, im *importer, path string, args []Arg) (string, error) {
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
	if err := checkArguments(im, node, args); err != nil {
		return "", err
	}
	data, err := vm.Evaluate(node)
	if err != nil {
		fault := evaluationError(err, im, path)
		if extraArgument.MatchString(fault.Message) {
			fault.Advice = "the file is " + signature(node)
		}
		return "", fault
	}
	return data, nil
}

// checkArguments refuses top-level arguments for a file that is an object or the
// result of a call, such as d.sweep's, and evaluates without any: Jsonnet would
// pass them over, and somebody would train what they did not mean.
func checkArguments(im *importer, node ast.Node, args []Arg) error {
	top := func(a Arg) bool { return strings.HasPrefix(a.Kind, "tla-") }
	i := slices.IndexFunc(args, top)
	if i < 0 {
		return nil
	}
	switch body(node).(type) {
	case *ast.DesugaredObject, *ast.Apply, *ast.Binary:
	default:
		return nil // a function, or who knows
	}
	if _, err := newVM(im, slices.DeleteFunc(slices.Clone(args), top)).Evaluate(node); err != nil {
		return nil // a fault that the evaluation with arguments finds, too
	}
	a := args[i]
	return &SpecError{
		File: "--" + a.Kind + " " + a.Name, Message: "the file is no function, so it takes no arguments",
		Advice: "make what it evaluates to a function(" + a.Name + "), or give --" + strings.Replace(a.Kind, "tla", "ext", 1) + " and read std.extVar('" + a.Name + "')",
	}
}

// located is implemented by Jsonnet's syntax errors.
type located interface {
	error
	Loc() ast.LocationRange
}

// evaluationError turns an error of Jsonnet into one with a place in a file
// that the author can edit: a line, or the flag that has code in it.
func evaluationError(err error, im *importer, path string) *SpecError {
	var syntax located
	if errors.As(err, &syntax) {
		return syntaxError(syntax, path)
	}
	var runtime jsonnet.RuntimeError
	if !errors.As(err, &runtime) {
		message, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n") // a crash brings its stack
		return &SpecError{File: path, Message: message, Err: err}
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
		if frame.Loc.File != nil {
			if flag := flagOf(string(frame.Loc.File.DiagnosticFileName)); flag != "" {
				e.File = flag
				break
			}
		}
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
	place, message, _ := strings.Cut(err.Error(), " ") // the location comes first
	if flag := flagOf(place); flag != "" {
		return &SpecError{File: flag, Message: "syntax error: " + strings.TrimSpace(message), Err: err, Advice: "the value is Jsonnet code: a text is written with quotes, or given with " + strings.Replace(flag, "-code", "-str", 1)}
	}
	if !loc.IsSet() {
		message = err.Error()
	}
	return &SpecError{File: path, Line: loc.Begin.Line, Message: "syntax error: " + strings.TrimSpace(message), Err: err}
}

// codeInFlag is how Jsonnet names code that came by a flag.
var codeInFlag = regexp.MustCompile(`^<(top-level-arg|extvar):([^>]+)>`)

// flagOf returns the flag that a place of Jsonnet's is in, "" if it is in a file.
func flagOf(place string) string {
	m := codeInFlag.FindStringSubmatch(place)
	switch {
	case m == nil:
		return ""
	case m[1] == "extvar":
		return "--ext-code " + m[2]
	}
	return "--tla-code " + m[2]
}

// signature lists a file's top-level parameters.
func signature(node ast.Node) string {
	f, ok := body(node).(*ast.Function)
	if !ok {
		return "no function" // it evaluates to one that is made elsewhere
	}
	names := make([]string, len(f.Parameters))
	for i, p := range f.Parameters {
		names[i] = string(p.Name)
	}
	return "function(" + strings.Join(names, ", ") + ")"
}

// body returns what is behind the locals that a file begins with.
func body(node ast.Node) ast.Node {
	for {
		local, ok := node.(*ast.Local)
		if !ok {
			return node
		}
		node = local.Body
	}
}

var (
	extraArgument     = regexp.MustCompile(`^function has no parameter `)
	undefinedExternal = regexp.MustCompile(`^Undefined external variable: (\S+)`)
	missingArgument   = regexp.MustCompile(`^Missing argument: (\S+)`)
	missingField      = regexp.MustCompile(`^Field does not exist: (\S+)`)
)

// adviceFor knows what to do about some errors of an evaluation.
func adviceFor(message string) string {
	if m := undefinedExternal.FindStringSubmatch(message); m != nil {
		return "give it with --ext-str " + m[1] + "=VALUE"
	}
	if m := missingArgument.FindStringSubmatch(message); m != nil {
		return "if the file is a function, give it with --tla-str " + m[1] + "=VALUE"
	}
	if m := missingField.FindStringSubmatch(message); m != nil {
		if name := nearest(m[1], libraryNames()); name != "" {
			return "did you mean " + name + "?"
		}
	}
	return ""
}

// libraryNames lists what the embedded library offers.
func libraryNames() []string {
	node, err := jsonnet.SnippetToAST(libraryName, string(library))
	if err != nil {
		panic("sweeps: embedded library: " + err.Error()) // the tests load it
	}
	for {
		local, ok := node.(*ast.Local)
		if !ok {
			break
		}
		node = local.Body
	}
	var names []string
	if object, ok := node.(*ast.DesugaredObject); ok {
		for _, f := range object.Fields {
			names = append(names, literal(f.Name))
		}
	}
	return names
}
