package chat

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ardanlabs/jinja"
	"pgregory.net/rapid"
)

// Templates that never end, or not in anybody's lifetime, are errors.
func TestEndless(t *testing.T) {
	for name, source := range map[string]string{
		"macro":         `{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}`,
		"two macros":    `{% macro f() %}{{ g() }}{% endmacro %}{% macro g() %}{% if true %}{{ f() }}{% endif %}{% endmacro %}{{ f() }}`,
		"default value": `{% macro f(x=g()) %}{% endmacro %}{% macro g() %}{{ f() }}{% endmacro %}{{ f() }}`,
		"filter block":  `{%- macro f() -%}{% filter upper %}{{ f() }}{% endfilter %}{%- endmacro -%}{{ f() }}`,
		"call block":    `{% set ns = namespace() %}{% macro keep() %}{% set ns.c = caller %}{% endmacro %}{% call keep() %}{{ ns.c() }}{% endcall %}{{ ns.c() }}`,
		"after raw":     `{% raw %}{% macro %}{% endraw %}{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}`,
		"quoted end":    `{% macro f(x="%}") %}{{ f() }}{% endmacro %}{{ f() }}`,
		"wide":          `{% macro f(n) %}{% for i in range(10) %}{% if n %}{{ f(n - 1) }}{% endif %}{% endfor %}{% endmacro %}{{ f(100) }}`,
		"loops":         `{% for a in range(1000) %}{% for b in range(1000) %}{% for c in range(1000) %}{% endfor %}{% endfor %}{% endfor %}`,
		"growing list":  `{% set l = [1] %}{% for a in l %}{% endfor %}{% for i in range(60) %}{% set _ = range(10 ** i) %}{% endfor %}`,
		"range":         `{{ range(10 ** 15)|length }}`,
		"range down":    `{{ range(0, -1000000000, -1)|length }}`,
		"long source":   strings.Repeat("(", maxSource+1),
	} {
		t.Run(name, func(t *testing.T) {
			tmpl, err := Load(folder(t, map[string]string{"chat_template.jinja": source}), "")
			if err == nil {
				_, err = tmpl.Render(turns("q"), true)
			}
			var limit *LimitError
			if !errors.As(err, &limit) || limit.Hint() == "" || !strings.Contains(err.Error(), "chat_template.jinja: ") {
				t.Errorf("error %v, want a *LimitError that names the file", err)
			}
		})
	}
}

// Macros may call themselves, as those of public templates do for the schemas of
// tools, and nothing of the guard is left in the text.
func TestMacrosMayRecurse(t *testing.T) {
	source := `{%- macro nest(n) -%}({% if n %}{{ nest(n - 1) }}{% endif %}){%- endmacro -%}
{%- for m in messages %}

{{ m.content }}{% raw %}{% for %}{{ x }}{% endraw %}!
{% endfor -%}
{{ nest(100) }}{% for i in range(7, 1, -3) %} {{ i }}{% endfor %}`
	tmpl, err := NewTemplate(source, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := "\nq{% for %}{{ x }}!\n" + strings.Repeat("(", 101) + strings.Repeat(")", 101) + " 7 4"
	if text, err := tmpl.Render(turns("q"), true); err != nil || text != want {
		t.Errorf("%q, %v, want %q", text, err, want)
	}
}

// The deepest nesting that a template of the greatest length can have does not
// overflow the stack.
func TestDeepExpression(t *testing.T) {
	for _, c := range [][2]string{{"(", ")"}, {"not ", ""}, {"1+", ""}, {"1 if 0 else ", ""}} {
		n := (maxSource - 5) / len(c[0]+c[1])
		tmpl, err := NewTemplate("{{"+strings.Repeat(c[0], n)+"1"+strings.Repeat(c[1], n)+"}}", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tmpl.Render(turns("q"), true); err != nil {
			t.Errorf("%d times %q: %v", n, c[0], err)
		}
	}
}

// What the library panics at is an error too.
func TestPanic(t *testing.T) {
	tmpl, err := NewTemplate(`{{ messages|select }}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := tmpl.Render(turns("q"), true); err == nil || text != "" {
		t.Errorf("%q, %v", text, err)
	}
}

// A guarded template writes what it writes without, to the byte.
func TestGuardedSame(t *testing.T) {
	leaves := []string{
		"{% if i %}x{% elif x %}{% else %}{{ i }}{% endif %}", "{% raw %}{% for %}", "{%- endraw -%}", "{# a comment's #}", "{#- {% for #}", "{{ '{% for' }}", `{{ "\"}}" }}`, "{% set x = '%}' %}", "{{ i }}",
		"{{- x -}}", "{{ caller }}", "\n", "\n\n", "\n  ", "  ", "\t", "a", "{", "%", "}", "'", "-", "{% break %}", "{% continue %}",
	}
	calls := []string{"{{ f(2) }}", "{{- g() }}", "{% call f(1) %}", "{% call(i) g() -%}"}
	blocks := [][2]string{
		{"{% for i in range(3) %}", "{% endfor %}"},
		{"{%- for i in [1, 2] if i -%}", "{% else %} {%- endfor -%}"},
		{"{% for k, v in {'a}}': 1}|items %}", "{% endfor %}"},
		{"{% set y %}", "{% endset %}"},
		{"{% macro f(x, y='%}') %}", "{% endmacro %}"},
		{"{%- macro g() -%}", "{{ caller(1) if caller }}{%- endmacro %}"},
		{"{% filter upper %}", "{% endfilter %}"},
		{"{% generation %}", "{% endgeneration %}"},
	}
	var body func(t *rapid.T, depth int, macro bool) string
	body = func(t *rapid.T, depth int, macro bool) string {
		var b strings.Builder
		for range rapid.IntRange(0, 5).Draw(t, "pieces") {
			switch kind := rapid.IntRange(0, 5).Draw(t, "kind"); {
			case kind < 2 && depth > 0:
				block := rapid.SampledFrom(blocks).Draw(t, "block")
				b.WriteString(block[0] + body(t, depth-1, macro || strings.Contains(block[0], "macro")) + block[1])
			case kind == 2 && !macro: // in a macro it might be the macro itself
				call := rapid.SampledFrom(calls).Draw(t, "call")
				if b.WriteString(call); strings.HasPrefix(call, "{%") {
					b.WriteString(body(t, depth-1, macro) + "{% endcall %}")
				}
			default:
				b.WriteString(rapid.SampledFrom(leaves).Draw(t, "leaf"))
			}
		}
		return b.String()
	}
	compared := 0
	rapid.Check(t, func(t *rapid.T) {
		source := "{% macro f() %}{% endmacro %}{% macro g() %}{{ caller() if caller }}{% endmacro %}" + body(t, 3, false)
		want, wantErr := render(source, false)
		got, err := render(source, true)
		if got != want || (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: %q, %v, want %q, %v", source, got, err, want, wantErr)
		}
		if err == nil {
			compared++
		}
	})
	if compared < 20 {
		t.Errorf("only %d templates were any", compared)
	}
}

func render(source string, guards bool) (text string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	data := map[string]jinja.Value{}
	if guards {
		if source, err = guarded(source); err != nil {
			return "", err
		}
		(&guard{budget: budgetFor(nil)}).values(data)
	}
	compiled, err := jinja.Compile(source)
	if err != nil {
		return "", err
	}
	return compiled.RenderValues(data)
}
