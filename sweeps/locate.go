package sweeps

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"
	"github.com/google/go-jsonnet/toolutils"
)

// locator finds the line of a key in the sources of a sweep. A value can come
// from anywhere, so it looks for literal text whose surroundings spell the path,
// and says nothing unless exactly one place does.
type locator struct {
	axes  []Axis
	calls []call  // of axis helpers
	marks []place // literal fields and list items
}

// place is a literal field or list item, with the names of the literals around it.
type place struct {
	path []string // outermost first: "train", "lora", "targets", "[1]"
	root bool     // path starts at the value of the whole file
	at   ast.LocationRange
}

// call is a use of d.axis, d.rank and the like.
type call struct {
	axis string
	node *ast.Apply
}

func newLocator(im *importer, main string, axes []Axis) *locator {
	l := &locator{axes: axes}
	for at, f := range im.found {
		if f.source.Builtin {
			continue
		}
		// Text that was imported with importstr need not be Jsonnet.
		if node, err := jsonnet.SnippetToAST(at, string(f.source.Content)); err == nil {
			l.walk(node, nil, at == main)
		}
	}
	return l
}

// axesOf reads the axes of data that expand has refused, as far as they are valid.
func axesOf(in any) []Axis {
	top, ok := in.(map[string]any)
	if !ok {
		return nil
	}
	list, ok := top["axes"].([]any)
	if !ok {
		return nil
	}
	var axes []Axis
	for _, item := range list {
		if a, err := readAxis("", item); err == nil {
			axes = append(axes, a)
		}
	}
	return axes
}

// place fills in the file and the line of an error, if they are certain.
func (l *locator) place(e *SpecError) {
	_, path, inSpec := strings.Cut(e.Path, "].spec.")
	if inSpec {
		// What an axis sets is not what the base says.
		for _, a := range l.axes {
			if set := strings.TrimSuffix(a.Path, "+"); set != "" && within(path, set) {
				l.placeChoice(e, a.Name)
				return
			}
		}
	}
	for tokens := pathTokens(e.Path); len(tokens) > 0; tokens = tokens[:len(tokens)-1] {
		best, places := l.matches(tokens, inSpec)
		if best == 0 {
			continue // perhaps what holds it is written somewhere
		}
		if len(places) == 1 {
			e.File, e.Line = places[0].FileName, places[0].Begin.Line
		}
		return
	}
}

// matches returns the places that share the longest end of the path, and how long it is.
func (l *locator) matches(tokens []string, inSpec bool) (best int, places []ast.LocationRange) {
	for _, m := range l.marks {
		n := len(m.path)
		if n > len(tokens) || !slices.Equal(m.path, tokens[len(tokens)-n:]) || strings.HasPrefix(m.path[0], "[") {
			continue // something around it has another name
		}
		if !inSpec && (!m.root || n != len(tokens)) {
			continue // only a base may be written in pieces
		}
		if n > best {
			best, places = n, nil
		}
		if n == best {
			places = append(places, m.at)
		}
	}
	return best, places
}

// placeChoice points at the value that an axis gives to the run in error, or
// else at the axis.
func (l *locator) placeChoice(e *SpecError, axis string) {
	var calls, items []ast.LocationRange
	for _, c := range l.calls {
		if c.axis != axis {
			continue
		}
		calls = append(calls, c.node.LocRange)
		for _, choice := range e.Axes {
			if choice.Axis == axis {
				items = append(items, labelled(c.node, choice.Label)...)
			}
		}
	}
	switch {
	case len(items) == 1:
		e.File, e.Line = items[0].FileName, items[0].Begin.Line
	case len(calls) == 1:
		e.File, e.Line = calls[0].FileName, calls[0].Begin.Line
	}
}

// labelled returns the places of the literal list items with a label in a call.
func labelled(node ast.Node, label string) []ast.LocationRange {
	var found []ast.LocationRange
	if list, ok := node.(*ast.Array); ok {
		for _, item := range list.Elements {
			if literal(item.Expr) == label {
				found = append(found, *item.Expr.Loc())
			} else if pair, ok := item.Expr.(*ast.Array); ok && len(pair.Elements) == 2 && literal(pair.Elements[0].Expr) == label {
				found = append(found, *pair.Loc())
			}
		}
		return found
	}
	for _, child := range toolutils.Children(node) {
		found = append(found, labelled(child, label)...)
	}
	return found
}

// literal returns the label of a literal scalar, or "".
func literal(node ast.Node) string {
	switch n := node.(type) {
	case *ast.LiteralString:
		return n.Value
	case *ast.LiteralBoolean:
		return strconv.FormatBool(n.Value)
	case *ast.LiteralNumber:
		if f, err := strconv.ParseFloat(n.OriginalString, 64); err == nil {
			return number(f)
		}
	}
	return ""
}

// walk collects the literals of a desugared tree; path and root are those of node.
func (l *locator) walk(node ast.Node, path []string, root bool) {
	switch n := node.(type) {
	case nil:
		return
	case *ast.DesugaredObject:
		for _, f := range n.Fields {
			inner := []string(nil)
			if name, ok := f.Name.(*ast.LiteralString); ok {
				inner = append(slices.Clone(path), name.Value)
				l.marks = append(l.marks, place{inner, root, f.LocRange})
			} else {
				l.walk(f.Name, nil, false)
			}
			l.walk(f.Body, inner, root && inner != nil)
		}
		for _, b := range n.Locals {
			l.walk(b.Body, nil, false)
		}
	case *ast.Array:
		for i, item := range n.Elements {
			inner := append(slices.Clone(path), fmt.Sprintf("[%d]", i))
			if at := item.Expr.Loc(); at.IsSet() {
				l.marks = append(l.marks, place{inner, root, *at})
			}
			l.walk(item.Expr, inner, root)
		}
	case *ast.Binary: // a sum of objects stands where it stands
		l.walk(n.Left, path, root)
		l.walk(n.Right, path, root)
	case *ast.Conditional:
		l.walk(n.Cond, nil, false)
		l.walk(n.BranchTrue, path, root)
		l.walk(n.BranchFalse, path, root)
	case *ast.Local:
		for _, b := range n.Binds {
			l.walk(b.Body, nil, false)
		}
		l.walk(n.Body, path, root)
	case *ast.Apply:
		if name := axisOfCall(n); name != "" {
			l.calls = append(l.calls, call{name, n})
		}
		l.walkChildren(n)
	default:
		l.walkChildren(n)
	}
}

func (l *locator) walkChildren(node ast.Node) {
	for _, child := range toolutils.Children(node) {
		l.walk(child, nil, false)
	}
}

// axisOfCall returns the name of the axis that a call makes, or "".
func axisOfCall(n *ast.Apply) string {
	index, ok := n.Target.(*ast.Index)
	if !ok {
		return ""
	}
	switch name := literal(index.Index); name {
	case "rank", "epochs", "data", "seed":
		return name
	case "axis":
		for _, arg := range n.Arguments.Named {
			if arg.Name == "name" {
				return literal(arg.Arg)
			}
		}
		if len(n.Arguments.Positional) > 0 {
			return literal(n.Arguments.Positional[0].Expr)
		}
	}
	return ""
}

// pathTokens splits `runs[3].spec.data["a b"]` into runs, [3], spec, data, a b.
func pathTokens(path string) []string {
	var tokens []string
	for path != "" {
		switch {
		case path[0] == '.':
			path = path[1:]
		case strings.HasPrefix(path, `["`):
			quoted, err := strconv.QuotedPrefix(path[1:])
			if err != nil {
				return tokens
			}
			name, _ := strconv.Unquote(quoted)
			tokens = append(tokens, name)
			path = strings.TrimPrefix(path[1+len(quoted):], "]")
		default:
			end := strings.IndexAny(path[1:], ".[") + 1
			if end == 0 {
				end = len(path)
			}
			tokens = append(tokens, path[:end])
			path = path[end:]
		}
	}
	return tokens
}
