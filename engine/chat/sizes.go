package chat

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ardanlabs/jinja"

	"daybook/engine"
)

// A budget is how large the values of one rendering may be. What a template writes is
// about the conversation and some text of its own, so that more than a multiple of
// both has gone astray: a repetition, or a text that doubles.
type budget struct {
	value int // bytes that a value may have when printed
	total int // bytes of all values that are looked at, one after the other
}

const (
	turnBytes  = 64 // what a turn counts for beside its text
	deepest    = 64 // how many lists a list may be in
	otherBytes = 24 // what prints as a number or less
)

func budgetFor(turns []engine.Turn) budget {
	n := 0
	for _, turn := range turns {
		n += turnBytes + len(turn.Role) + len(turn.Content)
	}
	return budget{value: maxSource + 16*n, total: 8<<20 + 1024*n}
}

// printed returns how long v is in print, or a little more; more than most if that
// much or if it lies too deep to tell. In the end a list may be in itself.
func printed(v jinja.Value, most, depth int) int {
	n := otherBytes
	switch {
	case v.IsString():
		return len(v.AsString()) + len("''")
	case depth > deepest:
		return most + 1
	case v.IsList():
		for _, item := range v.AsList().Items {
			if n += printed(item, most, depth+1) + len(", "); n > most {
				return n
			}
		}
	case v.IsDict():
		d := v.AsDict()
		for _, key := range d.Keys {
			if n += len(key) + len("'': ") + printed(d.Data[key], most, depth+1) + len(", "); n > most {
				return n
			}
		}
	}
	return n
}

// large is the error for a value, if it has so many bytes.
func (g *guard) large(bytes int) error {
	if bytes > g.budget.value {
		return &LimitError{g.origin, fmt.Sprintf("one of its values would have more than the %d bytes that the conversation is worth", g.budget.value)}
	}
	return nil
}

// spend takes bytes off the budget.
func (g *guard) spend(bytes int) error {
	if g.budget.total -= bytes; g.budget.total < 0 {
		return &LimitError{g.origin, "it makes far more text than the conversation is worth"}
	}
	return nil
}

// sized passes on a value that is not too large.
func (g *guard) sized(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
	v := args[0]
	switch {
	case v.IsString():
		if err := g.spend(len(v.AsString())); err != nil {
			return v, err
		}
		return v, g.large(len(v.AsString()))
	case v.IsCallable():
		if _, name, _ := strings.Cut(v.AsCallable().Name, "."); slices.Contains(growing, name) {
			return v, &LimitError{g.origin, fmt.Sprintf("it has the method %s without calling it there", name)}
		}
		return v, nil
	case !v.IsList() && !v.IsDict():
		return v, nil
	}
	return v, g.large(printed(v, g.budget.value, 0))
}

// times is the operator *.
func (g *guard) times(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
	if len(args) != 2 {
		return jinja.Undefined(), errProduct
	}
	if text, n := args[0], args[1]; text.IsString() && n.IsInt() {
		if n.AsInt() <= 0 { // at which the library panics
			return jinja.NewString(""), nil
		}
		if n.AsInt() > int64(g.budget.value) {
			return text, g.large(g.budget.value + 1)
		}
		if err := g.large(len(text.AsString()) * int(n.AsInt())); err != nil {
			return text, err
		}
	}
	return evaluate(product, map[string]jinja.Value{"a": args[0], "b": args[1]})
}

// filter is a filter of the library whose result may be large.
func (g *guard) filter(name string) func([]jinja.Value, map[string]jinja.Value) (jinja.Value, error) {
	f := filters[name]
	return func(args []jinja.Value, kwargs map[string]jinja.Value) (jinja.Value, error) {
		if err := g.fits(args, kwargs); err != nil {
			return jinja.Undefined(), err
		}
		if err := g.large(grown(name, args, kwargs, g.budget.value)); err != nil {
			return jinja.Undefined(), err
		}
		return f.AsCallable().Fn(args, kwargs)
	}
}

// fits makes sure that no argument is too large to be printed.
func (g *guard) fits(args []jinja.Value, kwargs map[string]jinja.Value) error {
	for _, v := range args {
		if err := g.large(printed(v, g.budget.value, 0)); err != nil {
			return err
		}
	}
	for _, v := range kwargs {
		if err := g.large(printed(v, g.budget.value, 0)); err != nil {
			return err
		}
	}
	return nil
}

// grown returns how long the result of a filter can be, where that is not about the
// length of what it is given.
func grown(name string, args []jinja.Value, kwargs map[string]jinja.Value, most int) int {
	arg := func(at int, name string) jinja.Value {
		if v, ok := kwargs[name]; ok {
			return v
		}
		if at > 0 && at < len(args) {
			return args[at]
		}
		return jinja.Undefined()
	}
	size := func(v jinja.Value) int { return printed(v, most, 0) }
	wide := func(v jinja.Value, usual int) int { // a number of spaces
		if n, err := evaluate(number, map[string]jinja.Value{"x": v}); err == nil && !v.IsUndefined() {
			return int(min(max(n.AsInt(), 0), int64(most)+1))
		}
		return usual
	}
	if len(args) == 0 {
		return 0
	}
	whole := size(args[0])
	switch name {
	case "replace":
		return replaced(args, most)
	case "join":
		if args[0].IsList() {
			return whole + args[0].AsList().Len()*max(size(arg(1, "d")), size(arg(0, "d")))
		}
	case "indent":
		if args[0].IsString() {
			return whole + (1+strings.Count(args[0].AsString(), "\n"))*wide(arg(1, "width"), 4)
		}
		return whole * (1 + wide(arg(1, "width"), 4))
	case "tojson":
		separators := size(arg(0, "separators"))
		return values(args[0], deepest) * (separators + deepest*wide(arg(0, "indent"), 0))
	}
	return 0
}

// values counts the values in v.
func values(v jinja.Value, depth int) int {
	n := 1
	switch {
	case depth == 0:
	case v.IsList():
		for _, item := range v.AsList().Items {
			n += values(item, depth-1)
		}
	case v.IsDict():
		for _, item := range v.AsDict().Data {
			n += values(item, depth-1)
		}
	}
	return n
}

// replaced returns the length after replacing args[1] by args[2] in args[0].
func replaced(args []jinja.Value, most int) int {
	if len(args) < 3 {
		return 0
	}
	if !args[0].IsString() || !args[1].IsString() {
		return (printed(args[0], most, 0) + 1) * printed(args[2], most, 0)
	}
	text := args[0].AsString()
	return len(text) + strings.Count(text, args[1].AsString())*printed(args[2], most, 0)
}

// method is a method that makes a text larger, or puts a value into the one it is of.
func (g *guard) method(name string) func([]jinja.Value, map[string]jinja.Value) (jinja.Value, error) {
	return func(args []jinja.Value, kwargs map[string]jinja.Value) (jinja.Value, error) {
		of := args[0]
		f, err := evaluate(methods[name], map[string]jinja.Value{"x": of})
		if err != nil {
			return f, err
		}
		if !f.IsCallable() {
			return f, fmt.Errorf("%s is not callable: %s", name, f)
		}
		if err := g.fits(args, kwargs); err != nil {
			return f, err
		}
		switch {
		case !of.IsString():
			for _, v := range args[1:] {
				if err := g.outside(of, v); err != nil {
					return f, err
				}
			}
		case name == "replace":
			err = g.large(replaced(args, g.budget.value))
		case name == "format":
			err = g.large(formatted(args, g.budget.value))
		}
		if err != nil {
			return f, err
		}
		return f.AsCallable().Fn(args[1:], kwargs)
	}
}

// formatted returns how long args[0] can be with the others put in. The library looks
// for the place of one also in those it has put in before.
func formatted(args []jinja.Value, most int) int {
	n := len(args[0].AsString())
	for _, v := range args[1:] {
		if n += n / len("{}") * printed(v, most, 0); n > most {
			break
		}
	}
	return n
}

// apart passes on a value that is to be put into the namespace before it.
func (g *guard) apart(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
	if len(args) != 2 {
		return jinja.Undefined(), fmt.Errorf("set: %d values, want 1", len(args)-1)
	}
	return args[1], g.outside(args[0], args[1])
}

// outside makes sure that in is not a part of v, so that v can be put into it: a value
// in itself can't be printed or compared, at which the stack would overflow.
func (g *guard) outside(in, v jinja.Value) error {
	if err := g.large(printed(v, g.budget.value, 0)); err != nil {
		return err
	}
	if contains(v, in) {
		return &LimitError{g.origin, "it puts a value into itself"}
	}
	return nil
}

// contains reports whether the list or dict x is v, or within it.
func contains(v, x jinja.Value) bool {
	inner := func(item jinja.Value) bool { return contains(item, x) }
	switch {
	case v.IsList():
		return x.IsList() && v.AsList() == x.AsList() || slices.ContainsFunc(v.AsList().Items, inner)
	case v.IsDict():
		if x.IsDict() && v.AsDict() == x.AsDict() {
			return true
		}
		for _, item := range v.AsDict().Data {
			if inner(item) {
				return true
			}
		}
	}
	return false
}

// What the library does itself with values that are not too large.
var (
	product = compiled("a * b")
	number  = compiled("x|int")
	filters = func() map[string]jinja.Value {
		all := map[string]jinja.Value{}
		for _, name := range printing {
			f, err := evaluate(compiled(libraryName+name), nil)
			if err != nil || !f.IsCallable() {
				panic(fmt.Sprintf("chat: the library has no filter %s: %v", name, err))
			}
			all[name] = f
		}
		return all
	}()
	methods = func() map[string]*jinja.Template {
		all := map[string]*jinja.Template{}
		for _, name := range growing {
			all[name] = compiled("x." + name)
		}
		return all
	}()
)

// compiled is a template that hands the value of an expression to evaluate.
func compiled(expression string) *jinja.Template {
	t, err := jinja.Compile("{{" + ours + "keep(" + expression + ")}}")
	if err != nil {
		panic("chat: " + err.Error())
	}
	return t
}

func evaluate(t *jinja.Template, data map[string]jinja.Value) (v jinja.Value, err error) {
	with := map[string]jinja.Value{ours + "keep": jinja.NewCallable("keep", func(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
		v = args[0]
		return jinja.None(), nil
	})}
	for name, value := range data {
		with[name] = value
	}
	_, err = t.RenderValues(with)
	return v, err
}
