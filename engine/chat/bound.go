package chat

import (
	"errors"
	"slices"
	"strings"
)

// The names that a guarded template calls a guard by. No name of the template itself
// may begin so, or as the library's own names of its filters do.
const (
	ours       = "daybook_"
	stepName   = ours + "step"
	enterName  = ours + "enter"
	sizedName  = ours + "sized"
	timesName  = ours + "times"
	apartName  = ours + "apart"
	filterName = ours + "filter_" // and the filter
	methodName = ours + "method_" // and the method

	libraryName = "__filter_"
)

var (
	// printing are the filters that print what they are given, or make it larger.
	printing = []string{
		"capitalize", "e", "escape", "indent", "join", "list", "lower", "replace", "string", "title", "tojson", "trim", "unique", "upper", "wordcount",
	}
	// growing are the methods that make a text larger, or put one value into another.
	growing = []string{"append", "format", "insert", "replace", "update"}

	operators = []string{"and", "or", "not", "in", "is", "if", "else"}
)

var errProduct = errors.New("nothing to multiply with after *")

// bound rewrites an expression so that its values go through a guard:
//
//	a.b ~ f(c)       a.b|daybook_sized ~ f(c|daybook_sized)|daybook_sized
//	a * b            daybook_times(a|daybook_sized, b|daybook_sized)
//	a|replace(b, c)  a|daybook_filter_replace(…)|daybook_sized
//	a.append(b)      a|daybook_method_append(…)|daybook_sized
//
// A filter binds tighter than any operator, so one behind an operand changes nothing
// else. Only a product has to be taken apart: what it makes may be larger than what
// it is made of. There is no need to know more of the grammar, since what the library
// refuses it refuses rewritten too. With bare, the expression as a whole is not sized:
// it has to stay a call.
func bound(source string, bare bool) (string, error) {
	b := binder{tokens: lex(source), open: []bracket{{}}}
	end := 0
	for ; b.at < len(b.tokens); b.at++ {
		t := b.tokens[b.at]
		b.out = append(b.out, source[end:t.start]...)
		if err := b.token(t); err != nil {
			return "", err
		}
		end = b.tokens[b.at].end
		if b.last == value || b.last == literal {
			b.complete(bare && b.at == len(b.tokens)-1)
		}
	}
	if b.level().product {
		return "", errProduct
	}
	return string(append(b.out, source[end:]...)), nil
}

// binder is bound on its way through an expression.
type binder struct {
	tokens []exprToken
	at     int
	out    []byte
	open   []bracket
	last   role
}

// bracket is one that is open, and the product that the binder is in within it.
type bracket struct {
	test    bool // it has the arguments of a test
	factors bool // begun with start in out, there may be a product
	start   int
	product bool // the next operand completes one
}

// role is what the token before was.
type role uint8

const (
	operator role = iota
	value         // that may go on, as a name may with [
	literal       // a value that the template spells out
	dot
	pipe
	is
	test // with its name, or all its arguments
)

func (b *binder) level() *bracket { return &b.open[len(b.open)-1] }

// next is the text of the token n after this one, "" where there is none.
func (b *binder) next(n int) string {
	if b.at+n < len(b.tokens) {
		return b.tokens[b.at+n].text
	}
	return ""
}

func (b *binder) write(text string, last role) { b.out, b.last = append(b.out, text...), last }

func (b *binder) token(t exprToken) error {
	l, last := b.level(), b.last
	switch {
	case t.kind == nameToken && last == pipe:
		if slices.Contains(printing, t.text) {
			b.write(filterName, pipe)
		}
		b.write(t.text, value)
	case t.kind != symbolToken && last == dot:
		b.write(t.text, value)
	case last == is && t.text != "not":
		b.write(t.text, test)
	case last == is:
		b.write(t.text, is)
	case t.kind == nameToken && slices.Contains(operators, t.text):
		b.write(t.text, operator)
		if t.text == "is" {
			b.last = is
		}
		return l.end()
	case t.kind == nameToken && b.next(1) == "=":
		b.write(t.text, operator) // of an argument
	case t.kind == nameToken:
		l.begin(len(b.out))
		b.write(t.text, value)
	case t.kind == literalToken:
		l.begin(len(b.out))
		b.write(t.text, literal)
	default:
		return b.symbol(t.text)
	}
	return nil
}

func (b *binder) symbol(s string) error {
	l, last := b.level(), b.last
	switch s {
	case "(", "[", "{":
		if last == operator {
			l.begin(len(b.out))
		}
		b.open = append(b.open, bracket{test: last == test})
		b.write(s, operator)
	case ")", "]", "}":
		if l.product {
			return errProduct
		}
		b.write(s, value)
		if l.test {
			b.last = test
		}
		if len(b.open) > 1 {
			b.open = b.open[:len(b.open)-1]
		}
	case ".":
		if name := b.next(1); b.next(2) == "(" && slices.Contains(growing, name) {
			b.at++
			b.write("|"+methodName+name, value)
			return nil
		}
		b.write(s, dot)
	case "|":
		b.write(s, pipe)
	case "+", "-":
		sign := last == operator
		if sign {
			l.begin(len(b.out))
		}
		b.write(s, operator)
		if !sign {
			return l.end()
		}
	case "*":
		if last != value && last != literal {
			return errProduct
		}
		b.out = slices.Insert(b.out, l.start, []byte(timesName+"(")...)
		l.product = true
		b.write(",", operator)
	case "/", "//", "%", "**":
		b.write(s, operator)
	default:
		b.write(s, operator)
		return l.end()
	}
	return nil
}

// complete sizes a value unless something goes on with it, and ends the product that
// it is in.
func (b *binder) complete(bare bool) {
	next := b.next(1)
	if slices.Contains([]string{".", "[", "(", "|"}, next) {
		return
	}
	if b.last == value && !bare {
		b.write("|"+sizedName, value)
	}
	if l := b.level(); l.product && next != "**" {
		l.product = false
		b.write(")", value)
	}
}

// begin notes the first token of an operand, or of its sign.
func (l *bracket) begin(at int) {
	if !l.factors {
		l.factors, l.start = true, at
	}
}

// end notes an operator that binds less than * does.
func (l *bracket) end() error {
	if l.product {
		return errProduct
	}
	l.factors = false
	return nil
}

type tokenKind uint8

const (
	nameToken tokenKind = iota
	literalToken
	symbolToken
)

type exprToken struct {
	kind       tokenKind
	text       string
	start, end int
}

// lex cuts up an expression as the library does, which passes over characters that
// it does not know.
func lex(s string) (tokens []exprToken) {
	letter := func(c byte) bool { return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
	digit := func(c byte) bool { return '0' <= c && c <= '9' }
	while := func(i int, ok func(byte) bool) int {
		for i < len(s) && ok(s[i]) {
			i++
		}
		return i
	}
	for i := 0; i < len(s); {
		start, kind := i, symbolToken
		switch c := s[i]; {
		case c == '\'' || c == '"':
			kind = literalToken
			for i++; i < len(s) && s[i] != c; i++ {
				if s[i] == '\\' && i+1 < len(s) {
					i++
				}
			}
			i = min(i+1, len(s))
		case digit(c):
			kind = literalToken
			i = while(i, digit)
			if i+1 < len(s) && s[i] == '.' && digit(s[i+1]) {
				i = while(i+1, digit)
				if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
					if i++; i < len(s) && (s[i] == '+' || s[i] == '-') {
						i++
					}
					i = while(i, digit)
				}
			}
		case letter(c):
			kind = nameToken
			i = while(i, func(c byte) bool { return letter(c) || digit(c) })
		case slices.Contains([]string{"**", "//", "==", "!=", "<=", ">="}, s[i:min(i+2, len(s))]):
			i += 2
		case strings.IndexByte(",.:()[]{}|~+-*/%<>=", c) >= 0:
			i++
		default:
			i++
			continue
		}
		tokens = append(tokens, exprToken{kind, s[start:i], start, i})
	}
	return tokens
}
