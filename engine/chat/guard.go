package chat

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/ardanlabs/jinja"
)

const (
	// maxFrames is how deep the stack may be where a macro begins. A macro in a
	// condition in a loop takes about 12; Python ends at 1,000 frames of its own.
	maxFrames = 10_000
	// frameChecks is in how many calls of macros the depth is measured once, which
	// means to walk the stack. Between two checks it grows by as many calls at most.
	frameChecks = 16
	// maxSteps is how often one rendering may go round loops and call macros; 1 s.
	maxSteps = 1 << 20
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
// and a stack that overflows can't be recovered from: it ends the process. So
// every loop and macro of a template begins with a call of the guard (guarded).
// What stays unbounded is the size of a single value, such as 'x' * 10 ** 11.
type guard struct {
	origin string
	steps  int64
	calls  int64 // of macros, among the steps
}

// The names under which guarded calls a guard.
const (
	stepName  = "daybook_step"
	enterName = "daybook_enter"
)

// values adds to data what a guarded template calls.
func (g *guard) values(data map[string]jinja.Value) {
	for name, fn := range map[string]func(args []jinja.Value, kwargs map[string]jinja.Value) (jinja.Value, error){
		stepName:  func([]jinja.Value, map[string]jinja.Value) (jinja.Value, error) { return jinja.None(), g.step(1) },
		enterName: func([]jinja.Value, map[string]jinja.Value) (jinja.Value, error) { return jinja.None(), g.enter() },
		"range":   g.span,
	} {
		data[name] = jinja.NewCallable(name, fn)
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

// guarded returns source with a call of the guard where the body of every loop,
// macro and call block begins. The calls are expressions that write nothing:
// unlike a statement an expression takes no white space away around it, so the
// text stays the same to the byte.
func guarded(source string) string {
	var b strings.Builder
	raw := false
	for {
		start, end, ok := nextTag(source)
		if !ok {
			b.WriteString(source) // plain text, or a tag that the library will say is not closed
			return b.String()
		}
		b.WriteString(source[:end])
		if source[start+1] == '%' {
			switch word := keyword(source[start+2 : end-2]); {
			case raw:
				raw = word != "endraw"
			case word == "raw":
				raw = true
			case word == "for":
				b.WriteString("{{" + stepName + "()}}")
			case word == "macro" || word == "call":
				b.WriteString("{{" + enterName + "()}}")
			}
		}
		source = source[end:]
	}
}

// nextTag returns where the first tag of source begins and ends. As for the
// library's scanner, quotes hide what closes a tag, except in comments.
func nextTag(source string) (start, end int, ok bool) {
	closers := map[byte]string{'{': "}}", '%': "%}", '#': "#}"}
	for start = 0; start+1 < len(source); start++ {
		closer := closers[source[start+1]]
		if source[start] != '{' || closer == "" {
			continue
		}
		for at := start + 2; at < len(source); at++ {
			switch c := source[at]; {
			case closer != "#}" && (c == '\'' || c == '"'):
				for at++; at < len(source) && source[at] != c; at++ {
					if source[at] == '\\' {
						at++
					}
				}
			case strings.HasPrefix(source[at:], closer):
				return start, at + 2, true
			}
		}
		return 0, 0, false
	}
	return 0, 0, false
}

// keyword returns the word that a statement begins with.
func keyword(statement string) string {
	statement = strings.TrimSpace(strings.TrimPrefix(statement, "-"))
	word := strings.TrimLeft(statement, "abcdefghijklmnopqrstuvwxyz_")
	return statement[:len(statement)-len(word)]
}
