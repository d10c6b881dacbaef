// Package chat turns conversations into tokens: it renders a base's chat
// template, encodes the text, and says which tokens the loss covers and where a
// generated turn ends.
//
// It makes no choices a template could make itself: the template decides the
// text, beginning-of-sequence token included, and nothing is added around it.
// A base without a template gets ChatML (DefaultTemplate).
//
// Which tokens the loss covers follows from the rendered text, whatever the
// template: an assistant turn's span begins where the prompt that asks for it
// ends, and ends after its end-of-turn marker. A token that overlaps the span
// is a target. See Encoder.Example.
//
// Where a turn ends follows from what the template writes after an assistant's
// content. If that begins with a token of its own (an added token such as
// <|im_end|>), generation stops at this token. If it is text that the
// tokenizer cuts into ordinary tokens, as in a base that doesn't know ChatML,
// turns are ordinary text too, and generation stops when that text has come
// (Encoder.StopText). The base's own end-of-sequence tokens always stop it.
package chat

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ardanlabs/jinja"

	"daybook/engine"
)

// DefaultTemplate is ChatML, used where a base has no chat template.
const DefaultTemplate = `{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}`

// Template is a compiled chat template with the special tokens it may name. It
// is safe for concurrent use.
type Template struct {
	source   string
	origin   string
	compiled *jinja.Template
	tokens   map[string]string // by name, such as bos_token
	values   map[string]jinja.Value
	eos      []int32 // from generation_config.json and config.json
}

// Load reads the chat template of the model in dir, in the order of the
// transformers library: chat_template.jinja, then "chat_template" of
// tokenizer_config.json (text, or a list with one called "default"), then
// DefaultTemplate. override, if not empty, is the path of a template used
// instead. Special tokens come from tokenizer_config.json and
// special_tokens_map.json, end-of-sequence ids from generation_config.json and
// config.json; all of these files may be absent.
//
// The clock is not available to templates, since a prompt that has today's date
// in it would make every run unrepeatable: strftime_now is undefined, for which
// templates have a fixed date, and one that calls it regardless is an error of
// Render.
func Load(dir, override string) (*Template, error) {
	t := &Template{tokens: map[string]string{}}
	config, err := t.readTokens(dir)
	if err != nil {
		return nil, fmt.Errorf("chat: %w", err)
	}
	if err := t.readEOS(dir); err != nil {
		return nil, fmt.Errorf("chat: %w", err)
	}
	path := override
	if path == "" {
		path = filepath.Join(dir, "chat_template.jinja")
	}
	data, err := os.ReadFile(path)
	switch {
	case err == nil && isPointer(data):
		return nil, fmt.Errorf("chat: %s: %w", path, errPointer)
	case err == nil:
		t.source, t.origin = string(data), path
	case override != "" || !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("chat: %w", err)
	default:
		t.origin = filepath.Join(dir, "tokenizer_config.json")
		if t.source, err = defaultOf(config); err != nil {
			return nil, fmt.Errorf("chat: %s: chat_template: %w", t.origin, err)
		}
		if t.source == "" {
			t.source, t.origin = DefaultTemplate, "the default, ChatML"
		}
	}
	return t, t.compile()
}

// NewTemplate compiles source with the special tokens given by name, such as
// "bos_token".
func NewTemplate(source string, tokens map[string]string) (*Template, error) {
	t := &Template{source: source, origin: "template", tokens: map[string]string{}}
	for name, token := range tokens {
		t.tokens[name] = token
	}
	return t, t.compile()
}

func (t *Template) compile() error {
	if n := len(t.source); n > maxSource {
		return &LimitError{t.origin, fmt.Sprintf("a template of %d bytes, more than %d", n, maxSource)}
	}
	source, err := guarded(t.source)
	if err != nil {
		return fmt.Errorf("chat: %s: %w", t.origin, err)
	}
	if t.compiled, err = jinja.Compile(source); err != nil {
		return fmt.Errorf("chat: %s: %w", t.origin, err)
	}
	t.values = map[string]jinja.Value{
		"tools": jinja.None(), "documents": jinja.None(), "strftime_now": jinja.Undefined(),
	}
	for name, token := range t.tokens {
		t.values[name] = jinja.NewString(token)
	}
	return nil
}

// Render returns the text of turns, followed by the header of an assistant turn
// if addGenerationPrompt. A template may refuse a conversation, for example one
// whose roles do not alternate; its message is in the error. The error is a
// *LimitError if the template does not come to an end.
func (t *Template) Render(turns []engine.Turn, addGenerationPrompt bool) (text string, err error) {
	messages := make([]jinja.Value, len(turns))
	for i, turn := range turns {
		m := jinja.NewDict()
		m.AsDict().Set("role", jinja.NewString(turn.Role))
		m.AsDict().Set("content", jinja.NewString(turn.Content))
		messages[i] = m
	}
	data := make(map[string]jinja.Value, len(t.values)+5)
	for name, v := range t.values {
		data[name] = v
	}
	data["messages"] = jinja.NewList(messages)
	data["add_generation_prompt"] = jinja.NewBool(addGenerationPrompt)
	(&guard{origin: t.origin, budget: budgetFor(turns)}).values(data)
	defer func() { // the library indexes some arguments before it counts them
		if r := recover(); r != nil {
			text, err = "", fmt.Errorf("chat: %s: the template can't be rendered: %v", t.origin, r)
		}
	}()
	text, err = t.compiled.RenderValues(data)
	var limit *LimitError
	if errors.As(err, &limit) {
		return "", limit
	}
	if err != nil {
		if strings.Contains(err.Error(), "strftime_now is not callable") {
			err = errors.New("it asks for today's date, which would make runs unrepeatable; use a template with a fixed date")
		}
		return "", fmt.Errorf("chat: %s: %w", t.origin, err)
	}
	return text, nil
}

// Source returns the text of the template.
func (t *Template) Source() string { return t.source }

// Origin says where the template came from: a path, or that it is the default.
func (t *Template) Origin() string { return t.origin }

// Digest identifies what decides the rendered text and where it ends: SHA-256
// over the JSON object {"template", "tokens", "eos"} with sorted keys.
func (t *Template) Digest() [32]byte {
	data, err := json.Marshal(map[string]any{"template": t.source, "tokens": t.tokens, "eos": t.eos})
	if err != nil {
		panic("chat: " + err.Error()) // strings and numbers always marshal
	}
	return sha256.Sum256(data)
}
