package chat

import (
	"cmp"
	"fmt"
	"runtime"

	"github.com/ardanlabs/jinja"
)

const (
	// maxFrames is how deep the stack may be where a macro begins. A macro in a
	// condition in a loop takes about 12; Python ends at 1,000 frames of its own.
	maxFrames = 10_000
	// frameChecks is in how many calls of macros the depth is measured once, which
	// means to walk the stack. Between two checks it grows by as many calls at most.
	frameChecks = 16
	// maxSteps is how often one rendering may go round loops and call macros; 0.3 s.
	maxSteps = 1 << 18
	// maxSource is the longest template in bytes; public ones have up to 25,000. The
	// library recurses at every parenthesis.
	maxSource = 1 << 16
)

// LimitError reports a template that does not come to an end, or not before all
// memory or patience has.
type LimitError struct {
	Origin string // of the template
	What   string
}

func (e *LimitError) Error() string { return fmt.Sprintf("chat: %s: %s", e.Origin, e.What) }

// Hint returns advice for the user.
func (e *LimitError) Hint() string {
	return "mend the template, or name another file as base.chat_template in the sweep"
}

// A guard counts what one rendering does. The library has no limits of its own,
// and neither a stack that overflows nor memory that runs out can be recovered from:
// both end the process. So every loop and macro of a template begins with a call of
// the guard (guarded), and every value in an expression goes through it (bound).
type guard struct {
	origin string
	budget budget
	steps  int64
	calls  int64 // of macros, among the steps
}

// values adds to data what a guarded template calls.
func (g *guard) values(data map[string]jinja.Value) {
	add := func(name string, fn func(args []jinja.Value, kwargs map[string]jinja.Value) (jinja.Value, error)) {
		data[name] = jinja.NewCallable(name, fn)
	}
	add(stepName, func(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
		return jinja.None(), cmp.Or(g.step(1), g.spend(int(args[0].AsInt())))
	})
	add(enterName, func(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
		return jinja.None(), cmp.Or(g.enter(), g.spend(int(args[0].AsInt())))
	})
	add(sizedName, g.sized)
	add(timesName, g.times)
	add(apartName, g.apart)
	add("range", g.span)
	for _, name := range printing {
		add(filterName+name, g.filter(name))
	}
	for _, name := range growing {
		add(methodName+name, g.method(name))
	}
}

// step counts n rounds of a loop or items of a range.
func (g *guard) step(n int64) error {
	if g.steps += n; g.steps > maxSteps {
		return &LimitError{g.origin, fmt.Sprintf("one conversation takes more than %d rounds of loops and calls of macros", maxSteps)}
	}
	return nil
}

// enter counts the call of a macro. The stack itself says how deep it is, so
// nothing has to be counted down however the macro is left.
func (g *guard) enter() error {
	var deepest [1]uintptr
	if g.calls++; g.calls%frameChecks == 0 && runtime.Callers(maxFrames, deepest[:]) > 0 {
		return &LimitError{g.origin, "its macros call each other without end"}
	}
	return g.step(1)
}

// span is range of Jinja, which makes a list of all numbers at once.
func (g *guard) span(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
	if len(args) < 1 || len(args) > 3 {
		return jinja.Undefined(), fmt.Errorf("range: %d arguments, want 1 to 3", len(args))
	}
	bounds := [3]int64{0, 0, 1} // start, stop, step
	for i, arg := range args {
		at := i
		if len(args) == 1 {
			at = 1
		}
		switch {
		case arg.IsInt():
			bounds[at] = arg.AsInt()
		case arg.IsFloat(): // what the library makes of every division
			bounds[at] = int64(arg.AsFloat())
		default:
			return jinja.Undefined(), fmt.Errorf("range: %s is not a number", arg)
		}
	}
	if bounds[2] == 0 {
		return jinja.Undefined(), fmt.Errorf("range: its step is 0")
	}
	var items []jinja.Value
	for at := bounds[0]; bounds[2] > 0 && at < bounds[1] || bounds[2] < 0 && at > bounds[1]; at += bounds[2] {
		if err := g.step(1); err != nil {
			return jinja.Undefined(), err
		}
		items = append(items, jinja.NewInt(at))
	}
	return jinja.NewList(items), nil
}
