package serve

import (
	"encoding/json"
	"fmt"
	"strings"

	"daybook/engine"
)

// roles are those of messages, with what chat templates call them.
var roles = map[string]string{"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}

// readMessages reads the turns of a conversation. What a message may have beside role
// and content is accepted where it is null or empty, as it is in an answer that a client
// sends back.
func readMessages(data json.RawMessage) ([]engine.Turn, *Fault) {
	var list []map[string]json.RawMessage
	if f := read(data, "messages", &list, "a list of objects with role and content"); f != nil {
		return nil, f
	}
	turns := make([]engine.Turn, len(list))
	for i, message := range list {
		place := fmt.Sprintf("messages[%d]", i)
		for _, name := range sorted(message) {
			field, value := place+"."+name, message[name]
			var f *Fault
			switch {
			case name == "role":
				f = read(value, field, &turns[i].Role, "a text")
			case name == "content":
				turns[i].Content, f = readContent(field, value)
			case !isEmpty(value):
				f = invalid(field, "not supported")
			}
			if f != nil {
				return nil, f
			}
		}
		role, ok := roles[turns[i].Role]
		if !ok {
			return nil, invalid(place+".role", "want system, developer, user or assistant")
		}
		if turns[i].Role = role; len(message["content"]) == 0 {
			return nil, invalid(place+".content", "missing")
		}
	}
	if n := len(turns); n > 0 && turns[n-1].Role == "assistant" {
		return nil, invalid(fmt.Sprintf("messages[%d].role", n-1), "the last message is an assistant's; there is nothing to answer")
	}
	return turns, nil
}

// readContent reads a text, or a list of parts that are texts.
func readContent(place string, data json.RawMessage) (string, *Fault) {
	var text string
	if json.Unmarshal(data, &text) == nil && !isNull(data) {
		return text, nil
	}
	var parts []struct {
		Type string  `json:"type"`
		Text *string `json:"text"`
	}
	if isNull(data) || json.Unmarshal(data, &parts) != nil {
		return "", invalid(place, "want a text, or a list of parts of the type text")
	}
	var all strings.Builder
	for i, p := range parts {
		if p.Type != "text" || p.Text == nil {
			return "", invalid(fmt.Sprintf("%s[%d]", place, i), "only parts of the type text are supported")
		}
		all.WriteString(*p.Text)
	}
	return all.String(), nil
}

func isEmpty(data json.RawMessage) bool {
	switch string(data) {
	case "null", "[]", `""`, "{}":
		return true
	}
	return false
}
