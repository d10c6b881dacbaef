package tokenizer

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// automaton is an expression compiled to a table of states by classes of
// characters. It takes one look-up a character and never goes back, whatever the
// expression. Its states are lists of places in the expression, the preferred
// ones first (Pike 1987; Cox 2010, "Regular Expression Matching in the Wild"),
// built in full by the subset construction.
type automaton struct {
	literal string // all it matches, if that is one text
	class   classes
	table   []transition // by state * class.count + class
}

// transition says what one more character does: the state it leads to, 0 if no
// longer match is possible, and whether the text before it is a match.
type transition struct {
	to      uint16
	matched bool
}

// Bounds on what an expression may cost. Those of known models take under 60 states.
const (
	maxPlaces = 2048
	maxStates = 1024
)

// match returns the end of the match that begins at s[i:], -1 if there is none.
func (a *automaton) match(s string, i int) int {
	end := -1
	n := a.class.count
	for state := 1; ; {
		c, size := a.class.at(s, i)
		t := a.table[state*n+c]
		if t.matched {
			end = i
		}
		if t.to == 0 || size == 0 {
			return end
		}
		state = int(t.to)
		i += size
	}
}

// find returns the first match at or after s[i:], and len(s) twice if there is none.
func (a *automaton) find(s string, i int) (start, end int) {
	if a.literal != "" {
		if n := strings.Index(s[i:], a.literal); n >= 0 {
			return i + n, i + n + len(a.literal)
		}
		return len(s), len(s)
	}
	for i < len(s) {
		if end := a.match(s, i); end > i {
			return i, end
		}
		_, n := utf8.DecodeRuneInString(s[i:])
		i += n
	}
	return i, i
}

// place is one instruction of the expression.
type place struct {
	kind nodeKind // nodeChar, nodeAhead, nodeAheadNeeded, nodeAlternate (go on at next and then at other) or placeMatch
	set  int
	next int
	// other is the less preferred way on of a nodeAlternate.
	other int
}

const placeMatch nodeKind = 255

type compiler struct {
	places []place
	class  classes
	member [][]bool // by set, by class
}

func compile(e *expression) (*automaton, error) {
	c := &compiler{}
	var err error
	if c.class, c.member, err = newClasses(e.sets); err != nil {
		return nil, err
	}
	start, err := c.emit(e.root, c.add(place{kind: placeMatch}))
	if err != nil {
		return nil, err
	}
	return c.determine(start)
}

// mustCompile is for an expression that is part of the program.
func mustCompile(text string) *automaton {
	e, err := parseExpression(text)
	if err != nil {
		panic("tokenizer: " + err.Error())
	}
	a, err := compile(e)
	if err != nil {
		panic("tokenizer: " + err.Error())
	}
	return a
}

func (c *compiler) add(p place) int {
	c.places = append(c.places, p)
	return len(c.places) - 1
}

// emit adds the places of n and returns the first; they go on at then.
func (c *compiler) emit(n *node, then int) (int, error) {
	if len(c.places) > maxPlaces {
		return 0, fmt.Errorf("over %d places", maxPlaces)
	}
	var err error
	switch n.kind {
	case nodeConcat:
		for _, sub := range slices.Backward(n.sub) {
			if then, err = c.emit(sub, then); err != nil {
				return 0, err
			}
		}
		return then, nil
	case nodeAlternate:
		first := -1
		for _, sub := range slices.Backward(n.sub) {
			at, err := c.emit(sub, then)
			if err != nil {
				return 0, err
			}
			if first < 0 {
				first = at
			} else {
				first = c.add(place{kind: nodeAlternate, next: at, other: first})
			}
		}
		return first, nil
	case nodeRepeat:
		return c.repeat(n, then)
	case nodeChar, nodeAhead, nodeAheadNeeded, placeMatch:
	}
	return c.add(place{kind: n.kind, set: n.set, next: then}), nil
}

// repeat unrolls a repeat: what has to come, then what may come, each or nothing.
func (c *compiler) repeat(n *node, then int) (int, error) {
	if n.max == unlimited {
		loop := c.add(place{kind: nodeAlternate, other: then})
		body, err := c.emit(n.sub[0], loop)
		if err != nil {
			return 0, err
		}
		c.places[loop].next = body
		then = loop
	}
	out := then
	for i := max(n.max, n.min); i > 0; i-- {
		at, err := c.emit(n.sub[0], then)
		if err != nil {
			return 0, err
		}
		then = at
		if i > n.min {
			then = c.add(place{kind: nodeAlternate, next: at, other: out})
		}
	}
	return then, nil
}

// determine builds the table. State 0 is the end, state 1 the start.
func (c *compiler) determine(start int) (*automaton, error) {
	a := &automaton{class: c.class, table: make([]transition, 2*c.class.count)}
	lists := [][]int{nil, {start}}
	ids := map[string]int{"": 0, key(lists[1]): 1}
	for state := 1; state < len(lists); state++ {
		for class := range c.class.count {
			next, matched := c.step(lists[state], class)
			if matched && state == 1 {
				return nil, fmt.Errorf("it matches nothing at all")
			}
			id, ok := ids[key(next)]
			if !ok {
				if id = len(lists); id == maxStates {
					return nil, fmt.Errorf("over %d states", maxStates)
				}
				ids[key(next)] = id
				lists = append(lists, next)
				a.table = append(a.table, make([]transition, c.class.count)...)
			}
			a.table[state*c.class.count+class] = transition{uint16(id), matched}
		}
	}
	return a, nil
}

func key(list []int) string {
	b := make([]byte, 0, 2*len(list))
	for _, p := range list {
		b = binary.LittleEndian.AppendUint16(b, uint16(p))
	}
	return string(b)
}

// step returns the places after a character of class, the preferred ones first,
// and whether the expression is satisfied before it. What is less preferred
// than a match is given up.
func (c *compiler) step(list []int, class int) (next []int, matched bool) {
	seen := make([]bool, len(c.places))
	entered := make([]bool, len(c.places))
	end := class == c.class.count-1
	stack := slices.Clone(list)
	slices.Reverse(stack)
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[at] {
			continue
		}
		seen[at] = true
		p := c.places[at]
		switch {
		case p.kind == placeMatch:
			return next, true
		case p.kind == nodeAlternate:
			stack = append(stack, p.other, p.next)
		case p.kind == nodeAhead && end:
			stack = append(stack, p.next)
		case !c.member[p.set][class]:
		case p.kind == nodeChar && !entered[p.next]:
			entered[p.next] = true
			next = append(next, p.next)
		case p.kind != nodeChar: // it looks at what is there
			stack = append(stack, p.next)
		}
	}
	return next, false
}
