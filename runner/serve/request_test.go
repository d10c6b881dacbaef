package serve

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/engine"
	"daybook/runner/talk"
)

const said = `"model": "base", "messages": [{"role": "user", "content": "hi"}]`

func TestRequests(t *testing.T) {
	hi := []engine.Turn{{Role: "user", Content: "hi"}}
	for _, tt := range []struct {
		name, body string
		want       request
	}{
		{"least", `{` + said + `}`, request{model: "base", turns: hi}},
		{
			"all", `{` + said + `, "temperature": 0.7, "top_p": 0.9, "seed": -1, "max_tokens": 7, "max_completion_tokens": 7, "stop": ["a", "b"], "stream": true, "stream_options": {"include_usage": true, "include_obfuscation": false}}`,
			request{
				model: "base", turns: hi, seeded: true, stream: true, usage: true,
				settings: talk.Settings{MaxTokens: 7, Stops: []string{"a", "b"}, Temperature: 0.7, TopP: 0.9, Seed: 1<<64 - 1},
			},
		},
		{"nothing changed", `{` + said + `, "n": 1, "logprobs": false, "tools": [], "tool_choice": "none", "response_format": {"type": "text"}, "presence_penalty": 0, "logit_bias": {}, "modalities": ["text"], "functions": null, "audio": null, "temperature": null}`, request{model: "base", turns: hi}},
		{"bookkeeping", `{` + said + `, "user": "u", "store": true, "metadata": {"a": "b"}, "service_tier": "flex", "prediction": {"type": "content"}}`, request{model: "base", turns: hi}},
		{"one stop", `{` + said + `, "stop": "."}`, request{model: "base", turns: hi, settings: talk.Settings{Stops: []string{"."}}}},
		{
			"roles and parts", `{"model": "base", "messages": [
				{"role": "developer", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
				{"role": "assistant", "content": "c", "refusal": null, "tool_calls": [], "annotations": []}, {"role": "user", "content": ""}]}`,
			request{model: "base", turns: []engine.Turn{{Role: "system", Content: "Be brief."}, {Role: "user", Content: "ab"}, {Role: "assistant", Content: "c"}, {Role: "user"}}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, f := parseRequest([]byte(tt.body))
			if f != nil {
				t.Fatal(f.Message)
			}
			if diff := cmp.Diff(tt.want, *got, cmp.AllowUnexported(request{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBadRequests(t *testing.T) {
	messages := func(list string) string { return `{"model": "base", "messages": ` + list + `}` }
	for _, tt := range []struct{ body, param, want string }{
		{`{}`, "model", "missing; GET /v1/models lists the names"},
		{`{"model": "base"}`, "messages", "missing or empty"},
		{messages(`[]`), "messages", "missing or empty"},
		{messages(`"hi"`), "messages", "want a list"},
		{messages(`[{"role": "tool", "content": "x"}]`), "messages[0].role", "want system"},
		{messages(`[{"content": "x"}]`), "messages[0].role", "want system"},
		{messages(`[{"role": "user"}]`), "messages[0].content", "missing"},
		{messages(`[{"role": "user", "content": null}]`), "messages[0].content", "want a text"},
		{messages(`[{"role": "user", "content": 7}]`), "messages[0].content", "want a text"},
		{messages(`[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}]`), "messages[0].content[0]", "only parts of the type text"},
		{messages(`[{"role": "user", "content": "x", "name": "me"}]`), "messages[0].name", "not supported"},
		{messages(`[{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]`), "messages[1].role", "nothing to answer"},
		{`{` + said + `, "n": 2}`, "n", "except as 1"},
		{`{` + said + `, "logprobs": true}`, "logprobs", "except as false"},
		{`{` + said + `, "tool_choice": "required"}`, "tool_choice", "not supported"},
		{`{` + said + `, "response_format": {"type": "json_object"}}`, "response_format", `except as {"type":"text"}`},
		{`{` + said + `, "audio": {"voice": "x"}}`, "audio", "not supported"},
		{`{` + said + `, "frequency_penalty": 0.1}`, "frequency_penalty", "not supported"},
		{`{` + said + `, "top_k": 40}`, "top_k", "no such field is supported"},
		{`{` + said + `, "temperature": "hot"}`, "temperature", "want a number"},
		{`{` + said + `, "temperature": 2.1}`, "temperature", "from 0 to 2"},
		{`{` + said + `, "temperature": -1}`, "temperature", "from 0 to 2"},
		{`{` + said + `, "top_p": 0}`, "top_p", "above 0"},
		{`{` + said + `, "seed": 1.5}`, "seed", "want a whole number"},
		{`{` + said + `, "max_tokens": 0}`, "max_tokens", "must be positive"},
		{`{` + said + `, "max_tokens": 1, "max_completion_tokens": 2}`, "max_tokens", "give one of the two"},
		{`{` + said + `, "stop": [""]}`, "stop", "an empty text"},
		{`{` + said + `, "stop": [` + strings.Repeat(`"x",`, maxStops) + `"x"]}`, "stop", "17 texts: at most 16"},
		{`{` + said + `, "stop": 7}`, "stop", "want a text or a list"},
		{`{` + said + `, "stream": 1}`, "stream", "want true or false"},
		{`{` + said + `, "stream_options": {"include_usage": true}}`, "stream_options", "only where stream is true"},
		{`{` + said + `, "stream": true, "stream_options": {"x": 1}}`, "stream_options.x", "no such field"},
		{`[]`, "", "it is a JSON array"},
		{`null`, "", "null"},
		{``, "", "ends too early"},
		{`{` + said, "", "ends too early"},
		{`{` + said + `} {}`, "", "something follows"},
		{`{"model": base}`, "", "wrong syntax at byte 11"},
	} {
		_, f := parseRequest([]byte(tt.body))
		if f == nil {
			t.Errorf("%s is taken", tt.body)
			continue
		}
		if f.Status != 400 || value(f.Param) != tt.param || !strings.Contains(f.Message, tt.want) {
			t.Errorf("%s: %d %q about %q, want %q about %q", tt.body, f.Status, f.Message, value(f.Param), tt.want, tt.param)
		}
	}
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{` + said + `, "stop": ["a"], "stream": true, "stream_options": {"include_usage": true}, "n": 1}`))
	f.Add([]byte(`{"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}], "temperature": 1e0}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		q, f := parseRequest(body)
		switch {
		case f != nil:
			if f.Status != 400 || f.Message == "" {
				t.Errorf("%+v", f)
			}
		case q.model == "" || len(q.turns) == 0 || q.settings.MaxTokens < 0 || len(q.settings.Stops) > maxStops || q.settings.Temperature < 0 || q.settings.Temperature > 2:
			t.Errorf("%+v is taken", q)
		}
	})
}
