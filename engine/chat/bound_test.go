package chat

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"daybook/engine/fuzztest"
)

func TestBound(t *testing.T) {
	for source, want := range map[string]string{
		`a`:                               `a|S`,
		`a.b ~ f(c)`:                      `a.b|S ~ f(c|S)|S`,
		`a * b`:                           `T(a|S , b|S)`,
		`-a * b ** 2 * 3 + 4 * c`:         `T(T(-a|S , b|S ** 2) , 3) + T(4 , c|S)`,
		`a / 2 * b`:                       `T(a|S / 2 , b|S)`,
		`x is not divisibleby(3)`:         `x|S is not divisibleby(3)`,
		`x is defined and not y`:          `x|S is defined and not y|S`,
		`a|replace('x', b)[1:]`:           `a|daybook_filter_replace('x', b|S)[1:]|S`,
		`a|length`:                        `a|length|S`,
		`a.append({'k': [b]})`:            `a|daybook_method_append({'k': [b|S]|S}|S)|S`,
		`f(name=a, x=1) if b else c in d`: `f(name=a|S, x=1)|S if b|S else c|S in d|S`,
		`(a * 2).x`:                       `(T(a|S , 2)).x|S`,
		`a.0 * a['*']`:                    `T(a.0|S , a['*']|S)`,
		``:                                ``,
	} {
		want = strings.NewReplacer("|S", "|"+sizedName, "T(", timesName+"(").Replace(want)
		if got, err := bound(source, false); err != nil || got != want {
			t.Errorf("%s became\n%s, %v, want\n%s", source, got, err, want)
		}
	}
	for _, source := range []string{`a *`, `(a * ) b`, `a * not b`, `* a`, `a * , b`} {
		if got, err := bound(source, false); err == nil {
			t.Errorf("%s became %s", source, got)
		}
	}
}

// Values that grow without end are errors, and take little memory until then.
func TestLarge(t *testing.T) {
	const twice = `{% set ns = namespace(x='ab', l=[1]) %}{% for i in range(100) %}`
	for name, source := range map[string]string{
		"repeated":           `{{ 'x' * 100000000000 }}`,
		"repeated twice":     `{{ ('x' * 60000) * 60000 }}`,
		"repeated by parts":  `{{ 'x' * (1000 * 1000 * 100) }}`,
		"chain":              `{{ 'x' * 1000 * 1000 * 1000 }}`,
		"concatenated":       twice + `{% set ns.x = ns.x ~ ns.x %}{% endfor %}`,
		"added":              twice + `{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x }}`,
		"list":               twice + `{% set ns.l = ns.l + ns.l %}{% endfor %}`,
		"tree":               twice + `{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}`,
		"block":              twice + `{% set x %}{{ x }}{{ x }}{{ i }}{% endset %}{% set ns.x = x ~ ns.x ~ ns.x %}{% endfor %}`,
		"written":            `{% set x = 'x' * 60000 %}{% for i in range(1000) %}{{ x }}{% endfor %}`,
		"text":               `{% for i in range(100000) %}` + strings.Repeat("text ", 1000) + `{% endfor %}`,
		"macro":              `{% macro f(n) %}{{ f(n - 1) ~ f(n - 1) if n else 'x' * 1000 }}{% endmacro %}{{ f(40) }}`,
		"replaced":           `{% set x = 'x' * 60000 %}{{ x|replace('x', x) }}`,
		"replaced by method": `{% set x = 'x' * 60000 %}{{ x.replace('', x) }}`,
		"formatted":          `{{ ('{0}' * 100).format('{1}' * 100, '{2}' * 100, 'x' * 100) }}`,
		"joined":             `{{ range(60000)|join('x' * 60000) }}`,
		"joined by name":     `{{ range(1000)|join(d='x' * 60000) }}`,
		"indented":           `{{ 'x'|indent(100000000000, true) }}`,
		"indented by name":   `{{ ('\n' * 60000)|indent(width='100000000') }}`,
		"indented JSON":      `{{ [[1]]|tojson(indent=100000000000) }}`,
		"separated JSON":     `{{ range(10000)|tojson(separators=['x' * 60000, ':']) }}`,
		"method as a value":  `{% set f = 'x'.replace %}{{ f('x', 'y') }}`,
		"in itself":          `{% set l = [] %}{{ l.append(l) }}{{ l }}`,
		"namespace":          `{% set ns = namespace() %}{% set ns.a = [{'b': ns}] %}{{ ns }}`,
		"dict":               `{% set d = {} %}{% set _ = d.update({'a': d}) %}{{ d == d }}`,
		"inserted":           `{% set l = [1] %}{{ [l, l.insert(0, [l])] }}`,
		"deep":               twice + `{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}`,
	} {
		t.Run(name, func(t *testing.T) {
			tmpl, err := NewTemplate(source, nil)
			if err != nil {
				t.Fatal(err)
			}
			fuzztest.Bounded(t, 64<<20, func() { _, err = tmpl.Render(turns("q"), true) })
			var limit *LimitError
			if !errors.As(err, &limit) {
				t.Errorf("error %v, want a *LimitError", err)
			}
		})
	}
}

// What templates may do with a long conversation.
func TestLongConversation(t *testing.T) {
	source := `{% set ns = namespace(text='', n=0) %}{% for m in messages %}{% set ns.text = ns.text ~ '<' ~ m.role ~ '>' ~ m.content|trim|replace('\n', '\\n') ~ '\n' * 2 %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.text }}`
	tmpl, err := NewTemplate(source, nil)
	if err != nil {
		t.Fatal(err)
	}
	var content []string
	for i := range 500 {
		content = append(content, fmt.Sprintf("%d %s", i, strings.Repeat("some text\n", 100)))
	}
	text, err := tmpl.Render(turns(content...), false)
	if err != nil || strings.Count(text, `some text\n`) != 500*99 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}

func TestTheirNames(t *testing.T) {
	for _, source := range []string{
		`{{ daybook_times(1, 2) }}`, `{{ __filter_replace('a', '', 'b') }}`, `{% set daybook_sized = 1 %}`, `{% macro daybook_step() %}{% endmacro %}`,
		`{% for not in [1] %}{% endfor %}`, `{% set in = 1 %}`, `{% macro f(a, if) %}{% endmacro %}`, `{% filter daybook_filter_trim %}{% endfilter %}`,
	} {
		if _, err := NewTemplate(source, nil); err == nil {
			t.Errorf("%s is accepted", source)
		}
	}
}

// A bound expression has the value that it has without.
func TestBoundSame(t *testing.T) {
	leaves := []string{
		"1", "2.5", "'a'", `"b'*"`, "s", "n", "l", "d", "x", "true", "none", "[]", "{}", "l[0]", "d.k", "d['k']", "s[1:]", "l[::-1]", "loop", "3",
	}
	forms := []string{
		"%s ~ %s", "%s + %s", "%s - %s", "%s * %s", "%s / %s", "%s // %s", "%s %% %s", "%s ** %s", "-%s + %s", "%s * -%s", "%s == %s", "%s in %s", "%s not in %s",
		"%s and not %s", "%s or %s", "(%s, %s)", "[%s, %s]", "{'k': %s, 'j': %s}", "(%s if %s)", "%s if 1 else %s", "%s is defined and %s is not none", "%s is eq(%s)",
		"%s|default(%s)", "%s|join(%s)", "%s|replace('a', %s)", "[%s, %s]|length", "(%s)|string ~ %s", "%s|tojson ~ %s|upper", "s.replace(%s, 'y') ~ %s", "'{}-{}'.format(%s, %s)",
		"dict(a=%s, b=%s).a", "m.append(%s) ~ m|length ~ %s", "%s|list|reverse|join(%s)", "e.update({'z': %s}) ~ e|length ~ %s", "d.get(%s, %s)", "s.split(%s)[0] * %s", "%s|int * %s",
	}
	var expression func(t *rapid.T, depth int) string
	expression = func(t *rapid.T, depth int) string {
		if depth == 0 || rapid.IntRange(0, 3).Draw(t, "leaf") == 0 {
			return rapid.SampledFrom(leaves).Draw(t, "leaf")
		}
		inner := []any{expression(t, depth-1), expression(t, depth-1)}
		form := fmt.Sprintf(rapid.SampledFrom(forms).Draw(t, "form"), inner...)
		if rapid.Bool().Draw(t, "in brackets") {
			return "(" + form + ")"
		}
		return form
	}
	compared := 0
	rapid.Check(t, func(t *rapid.T) {
		source := "{% set m = [] %}{% set e = {} %}{% set s = 'a-b' %}{% set n = 7 %}{% set l = [1, 'a'] %}{% set d = {'k': 'v'} %}{{ " + expression(t, 4) + " }}"
		want, wantErr := render(source, false)
		if wantErr != nil && strings.Contains(wantErr.Error(), "negative Repeat count") {
			t.Skip("guarded it is empty, as in Python")
		}
		got, err := render(source, true)
		if got != want || (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: %q, %v, want %q, %v", source, got, err, want, wantErr)
		}
		if err == nil {
			compared++
		}
	})
	if compared < 20 {
		t.Errorf("only %d expressions had a value", compared)
	}
}
