package dataset

import (
	"fmt"
	"slices"
	"strings"

	"daybook/engine"
)

// Fields names the keys in which records say something, where they are not the
// usual ones; "" for what they do not have. Messages, Text, and Prompt with
// Completion exclude each other.
type Fields struct {
	Messages   string `json:"messages,omitempty"`   // a list of messages
	Role       string `json:"role,omitempty"`       // in a message; default "role"
	Content    string `json:"content,omitempty"`    // in a message; default "content"
	Prompt     string `json:"prompt,omitempty"`     // what is asked: a string, or messages
	Input      string `json:"input,omitempty"`      // what it is asked about; put after the prompt and an empty line
	Completion string `json:"completion,omitempty"` // the answer: a string, or messages
	System     string `json:"system,omitempty"`     // a system turn before all
	Text       string `json:"text,omitempty"`       // plain text
}

// usual are the fields that are looked for, in this order.
var usual = []Fields{
	{Messages: "messages"},
	{Messages: "conversations", Role: "from", Content: "value"},
	{Prompt: "prompt", Completion: "completion", System: "system"},
	{Prompt: "instruction", Input: "input", Completion: "output", System: "system"},
	{Text: "text"},
}

// Check returns an error if the fields make no shape.
func (f Fields) Check() error {
	shapes := 0
	for _, name := range []string{f.Messages, f.Text, f.Completion} {
		if name != "" {
			shapes++
		}
	}
	switch {
	case f == Fields{}:
		return nil
	case shapes != 1:
		return fmt.Errorf("%w: fields name messages, or prompt and completion, or text", ErrBadRule)
	case (f.Completion == "") != (f.Prompt == ""):
		return fmt.Errorf("%w: prompt and completion come together", ErrBadRule)
	case f.Messages == "" && (f.Role != "" || f.Content != ""):
		return fmt.Errorf("%w: role and content are fields of messages", ErrBadRule)
	case f.Completion == "" && (f.Input != "" || f.System != ""):
		return fmt.Errorf("%w: input and system go with prompt and completion", ErrBadRule)
	}
	return nil
}

// said is what a record says and where.
type said struct {
	Fields
	turns []engine.Turn
}

// read returns what obj says in the fields named, or in the usual ones.
func (f Fields) read(obj object) (said, error) {
	if f != (Fields{}) {
		return f.turns(obj)
	}
	for _, f := range usual {
		if f.found(obj) {
			return f.turns(obj)
		}
	}
	keys := make([]string, len(obj))
	for i, m := range obj {
		keys[i] = m.key
	}
	return said{}, faultf(0, keysAdvice, "%w: the keys %s make no known shape", ErrMessages, listKeys(keys))
}

// found reports whether obj has the fields without which there is nothing to learn.
func (f Fields) found(obj object) bool {
	for _, name := range []string{f.Messages, f.Prompt, f.Completion, f.Text} {
		if _, ok := obj.get(name); !ok && name != "" {
			return false
		}
	}
	return true
}

// uses reports whether key holds something that the record says.
func (s *said) uses(key string) bool {
	return key != "" && (key == s.Messages || key == s.Prompt || key == s.Input || key == s.Completion || key == s.System || key == s.Text)
}

// answer returns the key that holds the last turn.
func (s *said) answer() string { return s.Messages + s.Completion + s.Text }

// lastContent returns where a record has the content of its last turn.
func (s *said) lastContent(record object) *any {
	for i, m := range record {
		if m.key != s.answer() {
			continue
		}
		list, ok := m.value.(array)
		if !ok {
			return &record[i].value
		}
		last, _ := list[len(list)-1].(object)
		for j := range last {
			if last[j].key == s.contentKey() {
				return &last[j].value
			}
		}
	}
	return new(any)
}

func (f Fields) roleKey() string    { return or(f.Role, "role") }
func (f Fields) contentKey() string { return or(f.Content, "content") }

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// turns reads a record of this shape and checks that it can be trained on.
func (f Fields) turns(obj object) (said, error) {
	s := said{Fields: f}
	var err error
	switch {
	case f.Messages != "":
		s.turns, err = f.messages(obj, f.Messages)
	case f.Text != "":
		var text string
		text, err = s.text(obj, f.Text, true)
		if err == nil && strings.TrimSpace(text) == "" {
			err = faultf(0, "leave the record out", "%w: %q is empty", ErrNoAssistant, f.Text)
		}
		s.turns = []engine.Turn{{Role: engine.PlainText, Content: text}}
		return s, err
	default:
		s.turns, err = s.pair(obj)
	}
	if err != nil {
		return s, err
	}
	if n := len(s.turns); n == 0 || s.turns[n-1].Role != "assistant" {
		why := "there are no messages"
		switch {
		case slices.ContainsFunc(s.turns, func(t engine.Turn) bool { return t.Role == "assistant" }):
			why = "the last message is not the assistant's"
		case n > 0:
			why = "there is no assistant message"
		}
		m, _ := obj.get(s.answer())
		return s, faultf(m.at, `the last message has role "assistant" and holds the answer to learn`, "%w: %s", ErrNoAssistant, why)
	}
	return s, nil
}

// pair reads a prompt and its completion.
func (s *said) pair(obj object) ([]engine.Turn, error) {
	var turns []engine.Turn
	system, err := s.text(obj, s.System, false)
	if err != nil {
		return nil, err
	}
	if system != "" {
		turns = append(turns, engine.Turn{Role: "system", Content: system})
	}
	for _, part := range []struct{ key, role string }{{s.Prompt, "user"}, {s.Completion, "assistant"}} {
		if m, _ := obj.get(part.key); isList(m.value) {
			more, err := s.messages(obj, part.key)
			if err != nil {
				return nil, err
			}
			turns = append(turns, more...)
			continue
		}
		content, err := s.text(obj, part.key, true)
		if err != nil {
			return nil, err
		}
		if part.role == "assistant" && strings.TrimSpace(content) == "" {
			m, _ := obj.get(part.key)
			return nil, faultf(m.at, "give the answer, or leave the record out", "%w: %q is empty", ErrNoAssistant, part.key)
		}
		turns = append(turns, engine.Turn{Role: part.role, Content: content})
		if part.key != s.Prompt {
			continue
		}
		input, err := s.text(obj, s.Input, false)
		if err != nil {
			return nil, err
		}
		if input != "" {
			turns[len(turns)-1].Content += "\n\n" + input
		}
	}
	return turns, nil
}

func isList(v any) bool {
	_, ok := v.(array)
	return ok
}

// text reads a string. What is not needed may be absent, or null as in tables.
func (s *said) text(obj object, key string, needed bool) (string, error) {
	m, ok := obj.get(key)
	if key == "" || !needed && (!ok || m.value == nil) {
		return "", nil
	}
	if !ok {
		return "", faultf(0, shapeAdvice, "%w: the record has no %q", ErrMessages, key)
	}
	text, ok := m.value.(string)
	if !ok {
		return "", faultf(m.at, shapeAdvice, "%w: %q is %s, not a string", ErrMessages, key, kind(m.value))
	}
	return text, nil
}

const (
	keysAdvice  = "a record has messages, conversations, prompt and completion, instruction and output, or text; fields maps other keys, such as fields: { prompt: 'question', completion: 'answer' }"
	shapeAdvice = `a record looks like {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}`
)

// roles are the speakers a chat template knows.
var roles = []string{"system", "user", "assistant"}

// aliases are ShareGPT's words for them.
var aliases = map[string]string{"human": "user", "gpt": "assistant"}

// messages reads the list of messages under a key.
func (f Fields) messages(obj object, key string) ([]engine.Turn, error) {
	m, ok := obj.get(key)
	if !ok {
		return nil, faultf(0, shapeAdvice, "%w: the record has no %q", ErrMessages, key)
	}
	list, ok := m.value.(array)
	if !ok {
		return nil, faultf(m.at, shapeAdvice, "%w: %q is %s, not an array", ErrMessages, key, kind(m.value))
	}
	turns := make([]engine.Turn, 0, len(list))
	for i, e := range list {
		t, err := f.turn(e, key, i, m.at)
		if err != nil {
			return nil, err
		}
		turns = append(turns, t)
	}
	return turns, nil
}

// turn reads message i of the list under a key.
func (f Fields) turn(v any, under string, i, at int) (engine.Turn, error) {
	obj, ok := v.(object)
	if !ok {
		return engine.Turn{}, faultf(at, shapeAdvice, "%w: %s[%d] is %s, not an object", ErrMessages, under, i, kind(v))
	}
	var t engine.Turn
	for _, key := range []string{f.roleKey(), f.contentKey()} {
		m, ok := obj.get(key)
		if !ok {
			if len(obj) > 0 {
				at = obj[0].at
			}
			return t, faultf(at, shapeAdvice, "%w: %s[%d] has no %q", ErrMessages, under, i, key)
		}
		s, ok := m.value.(string)
		if !ok {
			return t, faultf(m.at, shapeAdvice, "%w: %s[%d].%s is %s, not a string", ErrMessages, under, i, key, kind(m.value))
		}
		if key == f.contentKey() {
			t.Content = s
			if t.Role == "assistant" && strings.TrimSpace(s) == "" {
				return t, faultf(m.at, "give the answer, or leave the record out", "%w: %s[%d].%s is empty", ErrNoAssistant, under, i, key)
			}
			continue
		}
		if f.roleKey() != "role" && aliases[s] != "" {
			s = aliases[s]
		}
		known := slices.Index(roles, s)
		if known < 0 {
			return t, faultf(m.at, `use "system", "user" and "assistant"`, "%w: %s[%d] has unknown role %s", ErrMessages, under, i, quote(s))
		}
		t.Role = roles[known] // one string for all records
	}
	for _, m := range obj {
		// A null says nothing; table formats export absent columns so. Anything
		// else would silently be left out of training.
		if m.key != f.roleKey() && m.key != f.contentKey() && m.value != nil {
			return t, faultf(m.at, "move it beside messages, or into the content",
				"%w: %s[%d] has key %s, but only %s and %s are trained on", ErrMessages, under, i, quote(m.key), f.roleKey(), f.contentKey())
		}
	}
	return t, nil
}
