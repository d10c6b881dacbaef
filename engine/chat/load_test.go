package chat

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"daybook/engine"
	"daybook/engine/fuzztest"
)

func hexOf(b [32]byte) string { return hex.EncodeToString(b[:]) }

// folder writes files into a new folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLoad(t *testing.T) {
	for _, c := range []struct {
		name   string
		files  map[string]string
		source string
		origin string
		tokens map[string]string
		eos    []int32
	}{
		{name: "nothing", source: DefaultTemplate, origin: "ChatML"},
		{
			name:   "text",
			files:  map[string]string{"tokenizer_config.json": `{"chat_template": "T", "eos_token": "</s>", "bos_token": {"content": "<s>", "lstrip": false}, "pad_token": null, "add_bos_token": true}`},
			source: "T", origin: "tokenizer_config.json", tokens: map[string]string{"eos_token": "</s>", "bos_token": "<s>"},
		},
		{
			name:   "list",
			files:  map[string]string{"tokenizer_config.json": `{"chat_template": [{"name": "tool_use", "template": "A"}, {"name": "default", "template": "B"}]}`},
			source: "B", origin: "tokenizer_config.json",
		},
		{
			name:   "file first",
			files:  map[string]string{"tokenizer_config.json": `{"chat_template": "A"}`, "chat_template.jinja": "B"},
			source: "B", origin: "chat_template.jinja",
		},
		{
			name: "tokens and ids",
			files: map[string]string{
				"special_tokens_map.json": `{"eos_token": "old", "unk_token": "<unk>"}`, "tokenizer_config.json": `{"eos_token": "new"}`,
				"generation_config.json": `{"eos_token_id": [3, 4]}`, "config.json": `{"eos_token_id": 2}`,
			},
			source: DefaultTemplate, origin: "ChatML", tokens: map[string]string{"eos_token": "new", "unk_token": "<unk>"}, eos: []int32{3, 4, 2},
		},
		{name: "null ids", files: map[string]string{"config.json": `{"eos_token_id": null}`}, source: DefaultTemplate, origin: "ChatML"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tmpl, err := Load(folder(t, c.files), "")
			if err != nil {
				t.Fatal(err)
			}
			if tmpl.Source() != c.source || !strings.Contains(tmpl.Origin(), c.origin) {
				t.Errorf("template %q of %s, want %q of %s", tmpl.Source(), tmpl.Origin(), c.source, c.origin)
			}
			if len(tmpl.tokens) != len(c.tokens) || !slices.Equal(tmpl.eos, c.eos) {
				t.Errorf("tokens %v, ids %v", tmpl.tokens, tmpl.eos)
			}
			for name, token := range c.tokens {
				if tmpl.tokens[name] != token {
					t.Errorf("%s is %q, want %q", name, tmpl.tokens[name], token)
				}
			}
		})
	}
}

func TestLoadOverride(t *testing.T) {
	dir := folder(t, map[string]string{"mine.jinja": "M", "chat_template.jinja": "B"})
	tmpl, err := Load(dir, filepath.Join(dir, "mine.jinja"))
	if err != nil || tmpl.Source() != "M" {
		t.Errorf("template %v, %v", tmpl, err)
	}
	if _, err := Load(dir, filepath.Join(dir, "missing.jinja")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing override: %v", err)
	}
}

func TestLoadBad(t *testing.T) {
	for _, c := range []struct{ name, file, text, want string }{
		{"not json", "tokenizer_config.json", "{", "tokenizer_config.json: unexpected end"},
		{"pointer", "tokenizer_config.json", "version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"},
		{"pointer template", "chat_template.jinja", "version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"},
		{"number", "tokenizer_config.json", `{"chat_template": 3}`, "chat_template: neither a text nor a list"},
		{"no default", "tokenizer_config.json", `{"chat_template": [{"name": "rag", "template": "A"}]}`, `no template called "default" among ["rag"]`},
		{"syntax", "chat_template.jinja", "{% for m in %}", "chat_template.jinja: jinja"},
		{"unclosed", "chat_template.jinja", "{{ x", "unclosed expression"},
		{"ids", "generation_config.json", `{"eos_token_id": "x"}`, "generation_config.json: eos_token_id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(folder(t, map[string]string{c.file: c.text}), "")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestNewNeedsTheAnswer(t *testing.T) {
	tmpl, err := NewTemplate(`{{ messages[0].content }}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(loadTokenizer(t, "special"), tmpl); err == nil || !strings.Contains(err.Error(), "leaves out the assistant's content") {
		t.Errorf("error %v", err)
	}
}

// Today's date in a prompt would make every run another one.
func TestNoClock(t *testing.T) {
	tmpl, err := NewTemplate(`{% if strftime_now is defined %}{{ strftime_now('%Y') }}{% else %}fixed{% endif %}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := tmpl.Render(turns("q"), true); err != nil || text != "fixed" {
		t.Errorf("%q, %v", text, err)
	}
	if tmpl, err = NewTemplate(`{{ strftime_now('%Y') }}`, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := tmpl.Render(turns("q"), true); err == nil || !strings.Contains(err.Error(), "today's date") {
		t.Errorf("error %v", err)
	}
}

func TestDigest(t *testing.T) {
	digest := func(source string, tokens map[string]string) [32]byte {
		tmpl, err := NewTemplate(source, tokens)
		if err != nil {
			t.Fatal(err)
		}
		return tmpl.Digest()
	}
	a := digest("A", map[string]string{"bos_token": "<s>", "eos_token": "</s>"})
	if a != digest("A", map[string]string{"eos_token": "</s>", "bos_token": "<s>"}) {
		t.Error("the order of tokens matters")
	}
	if a == digest("B", map[string]string{"bos_token": "<s>", "eos_token": "</s>"}) || a == digest("A", nil) {
		t.Error("different templates, one digest")
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add(DefaultTemplate, "hi", "yes <|im_end|>")
	f.Add(`{% set ns = namespace(x=messages[0].content) %}{{ bos_token }}{% for m in messages[1:] %}{{ ns.x|trim ~ m['content'][-1:] }}{% endfor %}`, "", "\n")
	f.Add(`{%- macro f(a) -%}{{ a|upper|replace('A', 'b') }}{%- endmacro -%}{{ f(messages[1].content.split('</think>')[-1]) }}`, "a</think>b", "é")
	f.Add(`{% macro f(n) %}{{ f(n - 1) ~ f(n - 1) if n else 'x' * 100 }}{% endmacro %}{% for m in messages %}{{ f(3)|indent(2) }}{% set ns.x = [ns] %}{% endfor %}`, "a", "b")
	f.Add(`{% for m in messages %}{{ '%' * loop.index * 9999999999 }}{{ [m.content, m]|join('x' * 2 ** 4)|replace('', m.content) }}{{ m.update({'m': m}) }}{% endfor %}`, "a", "b")
	tok := loadTokenizer(f, "special")
	f.Fuzz(func(t *testing.T, source, question, answer string) {
		var ex engine.Example
		var err error
		// Each rendering may make its budget, and of each of its values copies.
		fuzztest.Bounded(t, 256<<20+4096*(len(source)+len(question)+len(answer)), func() {
			var tmpl *Template
			if tmpl, err = NewTemplate(source, map[string]string{"bos_token": "<s>", "eos_token": "</s>"}); err != nil {
				return
			}
			var e *Encoder
			if e, err = New(tok, tmpl); err == nil {
				ex, err = e.Example(turns(question, answer), Assistant, 64)
			}
		})
		if err != nil {
			return
		}
		for i, target := range ex.Targets {
			if target >= 0 && (i+1 >= len(ex.Tokens) || ex.Tokens[i+1] != target) {
				t.Fatalf("target %d at %d of %v", target, i, ex.Tokens)
			}
		}
	})
}

// FuzzConfig reads the files beside a tokenizer that name its special tokens.
func FuzzConfig(f *testing.F) {
	for _, seed := range [][3]string{
		{`{"bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": false}}`, `{}`, `{"eos_token_id": [2, 1]}`},
		{`{"eos_token": null, "chat_template": null}`, `{"eos_token": "<|im_end|>"}`, `{"eos_token_id": null}`},
		{`{"chat_template": [{"name": "default", "template": "{{ bos_token }}A"}]}`, `[]`, `{"eos_token_id": -1}`},
		{`{"chat_template": [{"name": "tool_use", "template": "A"}]}`, "version https://git-lfs.github.com/spec/v1\n", `{"eos_token_id": 1e9}`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]), []byte(seed[2]))
	}
	tok := loadTokenizer(f, "special")
	f.Fuzz(func(t *testing.T, config, special, generation []byte) {
		dir := folder(t, map[string]string{
			"tokenizer_config.json": string(config), "special_tokens_map.json": string(special), "generation_config.json": string(generation),
		})
		tmpl, err := Load(dir, "")
		if err != nil {
			return
		}
		for name := range tmpl.tokens {
			if !strings.HasSuffix(name, "_token") {
				t.Errorf("%q is no token", name)
			}
		}
		again, err := Load(dir, "")
		if err != nil || again.Digest() != tmpl.Digest() {
			t.Fatalf("read again, another digest, %v", err)
		}
		e, err := New(tok, tmpl)
		if err != nil {
			return
		}
		for _, id := range e.Stop() {
			if id < 0 || int(id) >= tok.Size() {
				t.Errorf("stops at token %d of %d", id, tok.Size())
			}
		}
	})
}
