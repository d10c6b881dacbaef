package chat

import (
	"fmt"
	"slices"
	"strings"
)

// guarded returns source with its expressions bound and with a call of the guard
// where the body of every loop, macro and call block begins. The calls are expressions
// that write nothing: unlike a statement an expression takes no white space away
// around it, so the text stays the same to the byte.
func guarded(source string) (string, error) {
	var b strings.Builder
	bodies := bodyLengths(source)
	raw, tags := false, 0
	for {
		start, end, ok := nextTag(source)
		if !ok {
			b.WriteString(source) // plain text, or a tag that the library will say is not closed
			return b.String(), nil
		}
		b.WriteString(source[:start])
		tag := source[start:end]
		source = source[end:]
		word := ""
		if tag[1] == '%' {
			word = keyword(tag)
		}
		if !raw && tag[1] != '#' {
			bound, err := boundTag(tag, word)
			if err != nil {
				return "", err
			}
			tag = bound
		}
		b.WriteString(tag)
		switch {
		case raw:
			raw = word != "endraw"
		case word == "raw":
			raw = true
		case word == "for":
			fmt.Fprintf(&b, "{{%s(%d)}}", stepName, bodies[tags])
		case word == "macro" || word == "call":
			fmt.Fprintf(&b, "{{%s(%d)}}", enterName, bodies[tags])
		}
		tags++
	}
}

// bodyLengths returns, by the number of the tag, how many bytes each loop, macro and
// call block has in it: what it writes of itself, in one round, is less.
func bodyLengths(source string) map[int]int {
	type block struct{ tag, start int }
	lengths := map[int]int{}
	var open []block
	for at, tag := 0, 0; ; tag++ {
		start, end, ok := nextTag(source[at:])
		if !ok {
			for _, b := range open { // never closed, which is an error
				lengths[b.tag] = len(source) - b.start
			}
			return lengths
		}
		start, at = at+start, at+end
		if source[start+1] != '%' {
			continue
		}
		switch keyword(source[start:at]) {
		case "for", "macro", "call":
			open = append(open, block{tag, at})
		case "endfor", "endmacro", "endcall":
			if last := len(open) - 1; last >= 0 {
				lengths[open[last].tag] = start - open[last].start
				open = open[:last]
			}
		}
	}
}

// boundTag binds the expressions of a tag.
func boundTag(tag, word string) (string, error) {
	// What opens and closes it, with the - that takes white space away.
	from, to := 2, len(tag)-2
	if from < to && tag[from] == '-' {
		from++
	}
	if from < to && tag[to-1] == '-' {
		to--
	}
	inside := tag[from:to]
	for _, t := range lex(inside) {
		if strings.HasPrefix(t.text, ours) || strings.HasPrefix(t.text, libraryName) {
			return "", fmt.Errorf("a template can't have the name %s", t.text)
		}
	}
	if word != "" {
		from += strings.Index(inside, word) + len(word)
		inside = tag[from:to]
	}
	var err error
	switch word {
	case "", "if", "elif":
		inside, err = bound(inside, false)
	case "call":
		var args string
		if rest := strings.TrimSpace(inside); strings.HasPrefix(rest, "(") {
			i := strings.Index(inside, ")") + 1
			args, inside = inside[:i], inside[i:]
		}
		if err = checkNames(args); err == nil {
			inside, err = bound(inside, true)
		}
		inside = args + inside
	case "for":
		inside, err = boundLoop(inside)
	case "set":
		inside, err = boundSet(inside)
	case "macro":
		inside, err = boundMacro(inside)
	}
	return tag[:from] + inside + tag[to:], err
}

// boundLoop binds what follows "for".
func boundLoop(s string) (string, error) {
	for _, t := range lex(s) {
		if t.text == "in" {
			if err := checkNames(s[:t.start]); err != nil {
				return "", err
			}
			rest, err := bound(s[t.end:], false)
			return s[:t.end] + rest, err
		}
	}
	return s, nil // which is an error
}

// boundSet binds what follows "set".
func boundSet(s string) (string, error) {
	target, value, ok := strings.Cut(s, "=")
	if err := checkNames(target); err != nil || !ok { // or a block
		return s, err
	}
	value, err := bound(value, false)
	if space, _, ok := strings.Cut(target, "."); ok && err == nil {
		value = fmt.Sprintf(" %s(%s,%s)", apartName, strings.TrimSpace(space), value)
	}
	return target + "=" + value, err
}

// boundMacro binds the defaults of a macro, which the library cuts apart at every comma.
func boundMacro(s string) (string, error) {
	parts := strings.Split(s, ",")
	for i, part := range parts {
		name, value, ok := strings.Cut(part, "=")
		if err := checkNames(name); err != nil {
			return "", err
		}
		if !ok {
			continue
		}
		closing := ""
		if i == len(parts)-1 {
			if v := strings.TrimRight(value, " \t\r\n"); strings.HasSuffix(v, ")") {
				value, closing = v[:len(v)-1], ")"+value[len(v):]
			}
		}
		value, err := bound(value, false)
		if err != nil {
			return "", err
		}
		if strings.Contains(value, timesName) {
			return "", fmt.Errorf("macro: a default value with a product")
		}
		parts[i] = name + "=" + value + closing
	}
	return strings.Join(parts, ","), nil
}

// checkNames refuses to name a value as an operator: where it is used, it would not
// be known to be one.
func checkNames(s string) error {
	for _, t := range lex(s) {
		if slices.Contains(operators, t.text) {
			return fmt.Errorf("%s is no name for a value", t.text)
		}
	}
	return nil
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

// keyword returns the word that a statement, with what opens and closes it, begins with.
func keyword(tag string) string {
	statement := strings.TrimSpace(strings.TrimPrefix(tag[2:len(tag)-2], "-"))
	word := strings.TrimLeft(statement, "abcdefghijklmnopqrstuvwxyz_")
	return statement[:len(statement)-len(word)]
}
