package serve

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"daybook/engine"
	"daybook/runner/talk"
)

// request is a body of POST /v1/chat/completions.
type request struct {
	model    string
	turns    []engine.Turn
	settings talk.Settings
	seeded   bool
	stream   bool
	usage    bool // at the end of a stream
}

// maxStops is how many stop texts a request may have.
const maxStops = 16

// fields are those that are read, in the order of OpenAI's reference.
var fields = map[string]func(q *request, name string, data json.RawMessage) *Fault{
	"model":                 func(q *request, name string, data json.RawMessage) *Fault { return read(data, name, &q.model, "text") },
	"messages":              func(q *request, _ string, data json.RawMessage) (f *Fault) { q.turns, f = readMessages(data); return f },
	"max_tokens":            (*request).readMaxTokens,
	"max_completion_tokens": (*request).readMaxTokens,
	"temperature":           (*request).readTemperature,
	"top_p":                 (*request).readTopP,
	"seed":                  (*request).readSeed,
	"stop":                  (*request).readStop,
	"stream": func(q *request, name string, data json.RawMessage) *Fault {
		return read(data, name, &q.stream, "true or false")
	},
	"stream_options": (*request).readStreamOptions,
}

// neutral are fields that the engine has nothing for, with the values under which they
// change nothing.
var neutral = map[string][]string{
	"audio":              nil,
	"frequency_penalty":  {"0", "0.0"},
	"function_call":      {`"none"`, `"auto"`},
	"functions":          {"[]"},
	"logit_bias":         {"{}"},
	"logprobs":           {"false"},
	"modalities":         {`["text"]`},
	"n":                  {"1"},
	"presence_penalty":   {"0", "0.0"},
	"reasoning_effort":   {`"none"`},
	"response_format":    {`{"type":"text"}`},
	"tool_choice":        {`"none"`, `"auto"`},
	"tools":              {"[]"},
	"top_logprobs":       {"0"},
	"verbosity":          {`"medium"`},
	"web_search_options": nil,
}

// passive are fields that say nothing about the answer.
var passive = []string{
	"metadata", "parallel_tool_calls", "prediction", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "service_tier", "store", "user",
}

// parseRequest reads a body. What it refuses is a *Fault that names the field.
func parseRequest(body []byte) (*request, *Fault) {
	object, f := members(body)
	if f != nil {
		return nil, f
	}
	q := &request{}
	for _, name := range sorted(object) {
		data := object[name]
		if isNull(data) {
			continue
		}
		switch allowed, isNeutral := neutral[name]; {
		case fields[name] != nil:
			f = fields[name](q, name, data)
		case isNeutral:
			f = only(name, data, allowed)
		case !slices.Contains(passive, name):
			f = invalid(name, "no such field is supported; it could change what the answer is")
		}
		if f != nil {
			return nil, f
		}
	}
	switch {
	case q.model == "":
		return nil, invalid("model", "missing; GET /v1/models lists the names")
	case len(q.turns) == 0:
		return nil, invalid("messages", "missing or empty")
	case q.usage && !q.stream:
		return nil, invalid("stream_options", "only where stream is true")
	}
	return q, nil
}

// members reads the object that a body has to be.
func members(body []byte) (map[string]json.RawMessage, *Fault) {
	d := json.NewDecoder(bytes.NewReader(body))
	var object map[string]json.RawMessage
	err := d.Decode(&object)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the object")
		}
	}
	if err == nil && object == nil {
		err = errors.New("null")
	}
	if err != nil {
		return nil, fault(400, typeInvalid, "invalid_json", "the body is not a JSON object: %s", reason(err))
	}
	return object, nil
}

// reason says what is wrong with JSON without quoting it.
func reason(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("wrong syntax at byte %d", syntax.Offset)
	case errors.As(err, &kind):
		return "it is a JSON " + strings.Fields(kind.Value)[0]
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "it ends too early"
	}
	return err.Error()
}

func isNull(data json.RawMessage) bool { return string(data) == "null" }

func sorted(object map[string]json.RawMessage) []string {
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// read decodes a field into v, or says what it should be.
func read(data json.RawMessage, name string, v any, want string) *Fault {
	if json.Unmarshal(data, v) != nil {
		return invalid(name, "want %s", want)
	}
	return nil
}

// only refuses all values but those under which a field changes nothing.
func only(name string, data json.RawMessage, allowed []string) *Fault {
	var text bytes.Buffer
	if json.Compact(&text, data) == nil && slices.Contains(allowed, text.String()) {
		return nil
	}
	if len(allowed) == 0 {
		return invalid(name, "not supported")
	}
	return invalid(name, "not supported, except as %s, which changes nothing", allowed[0])
}

func (q *request) readMaxTokens(name string, data json.RawMessage) *Fault {
	var n int
	if f := read(data, name, &n, "a whole number"); f != nil {
		return f
	}
	if n < 1 {
		return invalid(name, "%d: must be positive", n)
	}
	if q.settings.MaxTokens != 0 && q.settings.MaxTokens != n {
		return invalid(name, "max_completion_tokens says something else; give one of the two")
	}
	q.settings.MaxTokens = n
	return nil
}

func (q *request) readTemperature(name string, data json.RawMessage) *Fault {
	if f := read(data, name, &q.settings.Temperature, "a number"); f != nil {
		return f
	}
	if t := q.settings.Temperature; !(t >= 0 && t <= 2) {
		return invalid(name, "%v: must be from 0 to 2", t)
	}
	return nil
}

func (q *request) readTopP(name string, data json.RawMessage) *Fault {
	if f := read(data, name, &q.settings.TopP, "a number"); f != nil {
		return f
	}
	if p := q.settings.TopP; !(p > 0 && p <= 1) {
		return invalid(name, "%v: must be above 0 and at most 1", p)
	}
	return nil
}

func (q *request) readSeed(name string, data json.RawMessage) *Fault {
	var seed int64
	if f := read(data, name, &seed, "a whole number of 64 bits"); f != nil {
		return f
	}
	q.settings.Seed, q.seeded = uint64(seed), true
	return nil
}

func (q *request) readStop(name string, data json.RawMessage) *Fault {
	var one string
	stops := []string{""}
	if json.Unmarshal(data, &one) == nil {
		stops[0] = one
	} else if f := read(data, name, &stops, "a text or a list of texts"); f != nil {
		return f
	}
	if len(stops) > maxStops {
		return invalid(name, "%d texts: at most %d", len(stops), maxStops)
	}
	if slices.Contains(stops, "") {
		return invalid(name, "an empty text")
	}
	q.settings.Stops = stops
	return nil
}

func (q *request) readStreamOptions(name string, data json.RawMessage) *Fault {
	var o map[string]json.RawMessage
	if f := read(data, name, &o, "an object"); f != nil {
		return f
	}
	for _, key := range sorted(o) {
		switch key {
		case "include_usage":
			if f := read(o[key], name+"."+key, &q.usage, "true or false"); f != nil {
				return f
			}
		case "include_obfuscation": // padding against listeners on the way
		default:
			return invalid(name+"."+key, "no such field is supported")
		}
	}
	return nil
}
