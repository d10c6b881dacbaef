package tokenizer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The expressions of pre-tokenizers are written for Oniguruma. parseExpression
// reads the part of that language which they use, by what it means there: \s,
// \d and \p are Unicode's, $ is the end of a line, an alternative that comes
// first wins. What is left out (back references, lazy and possessive repeats,
// looking behind, looking further ahead than one character) has no place in an
// automaton that decides in one pass.

// node is a parsed expression.
type node struct {
	kind nodeKind
	set  int     // of nodeChar and nodeAhead: an index in expression.sets
	sub  []*node // of nodeConcat, nodeAlternate and, one, nodeRepeat
	min  int     // of nodeRepeat
	max  int     // of nodeRepeat; unlimited for no bound
}

type nodeKind uint8

const (
	nodeConcat nodeKind = iota
	nodeAlternate
	nodeRepeat
	nodeChar  // one character of the set
	nodeAhead // the next character, if there is one, is in the set
	nodeAheadNeeded
)

const (
	unlimited     = -1
	maxExpression = 4096 // bytes
	maxRepeat     = 64   // of {n,m}; patterns count digits
	maxGroups     = 64   // nested
)

type expression struct {
	root *node
	sets []runeSet
}

type expressionParser struct {
	rest  string
	fold  bool
	depth int
	sets  []runeSet
}

func parseExpression(text string) (*expression, error) {
	if len(text) > maxExpression {
		return nil, fmt.Errorf("longer than %d bytes", maxExpression)
	}
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("not UTF-8")
	}
	p := &expressionParser{rest: text}
	root, err := p.alternatives()
	if err != nil {
		return nil, err
	}
	if p.rest != "" {
		return nil, fmt.Errorf("unexpected %q", p.rest)
	}
	return &expression{root, p.sets}, nil
}

// char is a node for one character of set.
func (p *expressionParser) char(set runeSet) *node {
	return &node{kind: nodeChar, set: p.intern(set)}
}

func (p *expressionParser) intern(set runeSet) int {
	for i, s := range p.sets {
		if slices.Equal(s, set) {
			return i
		}
	}
	p.sets = append(p.sets, set)
	return len(p.sets) - 1
}

func (p *expressionParser) accept(prefix string) bool {
	rest, ok := strings.CutPrefix(p.rest, prefix)
	p.rest = rest
	return ok
}

// next takes one character; there is one.
func (p *expressionParser) next() rune {
	r, n := utf8.DecodeRuneInString(p.rest)
	p.rest = p.rest[n:]
	return r
}

func (p *expressionParser) alternatives() (*node, error) {
	if p.depth++; p.depth > maxGroups {
		return nil, fmt.Errorf("more than %d groups in one another", maxGroups)
	}
	defer func() { p.depth-- }()
	var list []*node
	for {
		one, err := p.sequence()
		if err != nil {
			return nil, err
		}
		list = append(list, one)
		if !p.accept("|") {
			break
		}
	}
	if len(list) == 1 {
		return list[0], nil
	}
	return &node{kind: nodeAlternate, sub: list}, nil
}

func (p *expressionParser) sequence() (*node, error) {
	n := &node{kind: nodeConcat}
	for p.rest != "" && p.rest[0] != '|' && p.rest[0] != ')' {
		one, err := p.atom()
		if err != nil {
			return nil, err
		}
		if one, err = p.repeat(one); err != nil {
			return nil, err
		}
		n.sub = append(n.sub, one)
	}
	return n, nil
}

func (p *expressionParser) atom() (*node, error) {
	switch {
	case p.accept("(?!"):
		return p.ahead(true)
	case p.accept("(?="):
		return p.ahead(false)
	case p.accept("(?i:"):
		return p.group(true)
	case p.accept("(?:"):
		return p.group(p.fold)
	case strings.HasPrefix(p.rest, "(?"):
		return nil, fmt.Errorf("group %q", p.rest[:min(4, len(p.rest))])
	case p.accept("("):
		return p.group(p.fold)
	case p.accept("$"):
		return &node{kind: nodeAhead, set: p.intern(runes('\n', '\n'))}, nil
	case strings.ContainsRune("*+?{^", rune(p.rest[0])):
		return nil, fmt.Errorf("%q with nothing to apply it to", p.rest[:1])
	}
	set, err := p.set()
	if err != nil {
		return nil, err
	}
	return p.char(set), nil
}

func (p *expressionParser) group(fold bool) (*node, error) {
	outer := p.fold
	p.fold = fold
	n, err := p.alternatives()
	p.fold = outer
	if err == nil && !p.accept(")") {
		err = fmt.Errorf("a group without its )")
	}
	return n, err
}

// ahead reads the one character that (?! or (?= looks at.
func (p *expressionParser) ahead(negative bool) (*node, error) {
	if p.rest == "" || strings.ContainsRune("(|)$*+?{", rune(p.rest[0])) {
		return nil, fmt.Errorf("looking ahead at more than one character")
	}
	set, err := p.set()
	if err != nil {
		return nil, err
	}
	if !p.accept(")") {
		return nil, fmt.Errorf("looking ahead at more than one character")
	}
	if negative {
		return &node{kind: nodeAhead, set: p.intern(set.not())}, nil
	}
	return &node{kind: nodeAheadNeeded, set: p.intern(set)}, nil
}

// set reads what stands for one character: itself, an escape, a class or a dot.
func (p *expressionParser) set() (runeSet, error) {
	switch {
	case p.accept("["):
		return p.class()
	case p.accept(`\`):
		return p.escape()
	case p.accept("."):
		return runes('\n', '\n').not(), nil
	}
	r := p.next()
	return p.folded(runes(r, r))
}

// folded adds what a letter is equal to without case. Only for ASCII letters is
// that the same everywhere.
func (p *expressionParser) folded(set runeSet) (runeSet, error) {
	if !p.fold {
		return set, nil
	}
	sets := []runeSet{set}
	for i := 0; i+1 < len(set); i += 2 {
		for r := set[i]; r < set[i+1]; r++ {
			if r >= utf8.RuneSelf {
				return nil, fmt.Errorf("(?i:) around %q", r)
			}
			for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
				sets = append(sets, runes(f, f))
			}
		}
	}
	return union(sets...), nil
}

// class reads a bracket expression after its [.
func (p *expressionParser) class() (runeSet, error) {
	negative := p.accept("^")
	var sets []runeSet
	for first := true; ; first = false {
		switch {
		case p.rest == "":
			return nil, fmt.Errorf("a class without its ]")
		case !first && p.accept("]"):
			set := union(sets...)
			if negative {
				set = set.not()
			}
			return set, nil
		case p.rest[0] == '[', p.rest[0] == ']', strings.HasPrefix(p.rest, "&&"):
			return nil, fmt.Errorf("%q in a class", p.rest[:1])
		}
		one, err := p.member()
		if err != nil {
			return nil, err
		}
		if len(one) == 2 && one[1] == one[0]+1 && strings.HasPrefix(p.rest, "-") && !strings.HasPrefix(p.rest, "-]") {
			p.next()
			if p.rest == "" {
				continue
			}
			last, err := p.member()
			if err != nil {
				return nil, err
			}
			if len(last) != 2 || last[1] != last[0]+1 || last[0] < one[0] {
				return nil, fmt.Errorf("a range that does not end with a later character")
			}
			one = runes(one[0], last[0])
		}
		if one, err = p.folded(one); err != nil {
			return nil, err
		}
		sets = append(sets, one)
	}
}

func (p *expressionParser) member() (runeSet, error) {
	if p.accept(`\`) {
		return p.escape()
	}
	r := p.next()
	return runes(r, r), nil
}

// escape reads what follows a backslash.
func (p *expressionParser) escape() (runeSet, error) {
	if p.rest == "" {
		return nil, fmt.Errorf(`\ at the end`)
	}
	named := map[rune]string{'s': "White_Space", 'S': "White_Space", 'd': "Nd", 'D': "Nd"}
	control := map[rune]rune{'n': '\n', 'r': '\r', 't': '\t', 'f': '\f', 'v': '\v'}
	c := p.next()
	switch {
	case named[c] != "":
		set, _ := property(named[c])
		if unicode.IsUpper(c) {
			set = set.not()
		}
		return set, nil
	case control[c] != 0:
		return runes(control[c], control[c]), nil
	case c == 'p' || c == 'P':
		end := strings.IndexByte(p.rest, '}')
		if !strings.HasPrefix(p.rest, "{") || end < 0 {
			return nil, fmt.Errorf(`\%c without {a name}`, c)
		}
		name := p.rest[1:end]
		p.rest = p.rest[end+1:]
		set, ok := property(name)
		if !ok {
			return nil, fmt.Errorf(`\%c{%s}`, c, name)
		}
		if c == 'P' {
			set = set.not()
		}
		return set, nil
	case c == 'u' && len(p.rest) >= 4:
		v, err := strconv.ParseUint(p.rest[:4], 16, 16)
		if err != nil {
			return nil, fmt.Errorf(`\u%s`, p.rest[:4])
		}
		p.rest = p.rest[4:]
		return runes(rune(v), rune(v)), nil
	case c < utf8.RuneSelf && !unicode.IsLetter(c) && !unicode.IsDigit(c):
		return runes(c, c), nil
	}
	return nil, fmt.Errorf(`\%c`, c)
}

// repeat reads a quantifier after n, if there is one.
func (p *expressionParser) repeat(n *node) (*node, error) {
	r := &node{kind: nodeRepeat, sub: []*node{n}, max: unlimited}
	switch {
	case p.accept("*"):
	case p.accept("+"):
		r.min = 1
	case p.accept("?"):
		r.max = 1
	case p.accept("{"):
		inside, rest, ok := strings.Cut(p.rest, "}")
		low, high, isRange := strings.Cut(inside, ",")
		if !isRange {
			high = low
		}
		var err error
		if r.min, err = strconv.Atoi(low); err != nil || !ok || r.min < 0 || r.min > maxRepeat {
			return nil, fmt.Errorf("repeat {%s}", inside)
		}
		if high != "" {
			if r.max, err = strconv.Atoi(high); err != nil || r.max < max(r.min, 1) || r.max > maxRepeat {
				return nil, fmt.Errorf("repeat {%s}", inside)
			}
		}
		p.rest = rest
	default:
		return n, nil
	}
	if p.rest != "" && strings.ContainsRune("*+?{", rune(p.rest[0])) {
		return nil, fmt.Errorf("lazy, possessive or double repeat %q", p.rest[:1])
	}
	return r, nil
}
