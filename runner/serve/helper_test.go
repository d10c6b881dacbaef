package serve

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"daybook/engine"
	"daybook/runner"
	"daybook/runner/talk"
)

// catalog is a fixed list of models, the base first.
type catalog []Model

func (c catalog) List(context.Context) ([]Model, error) { return c, nil }

func (c catalog) Find(_ context.Context, name string) (Model, error) {
	for _, m := range c {
		if m.Name == name {
			return m, nil
		}
	}
	if name == "unreadable" {
		return Model{}, errors.New("/home/somebody/metadata.json: unreadable")
	}
	return Model{}, fmt.Errorf("%s: %w", name, ErrUnknown)
}

// named returns a base and adapters with names for digests, which nothing reads.
func named(names ...string) catalog {
	c := catalog{{Name: BaseName, Created: time.Unix(1, 0)}}
	for _, name := range names {
		c = append(c, Model{Name: name, Created: time.Unix(2, 0), Adapter: &runner.NamedAdapter{Name: name, Digest: name}})
	}
	return c
}

// fakeHost answers with what say returns for an ask, a word at a time.
type fakeHost struct {
	say      func(ctx context.Context, a *runner.NamedAdapter, ask *talk.Ask) string
	parallel int

	mu        sync.Mutex
	groups    [][]string // prompts answered together
	abandoned int
}

func (h *fakeHost) Parallel() int { return max(h.parallel, 1) }

func (h *fakeHost) Check(a *runner.NamedAdapter) error {
	if a.Name == "foreign" {
		return runner.WithHint(errors.New("trained on something else"), "name its base")
	}
	return nil
}

// Prompt makes a token a byte of the last turn, after which the ask's text is looked up.
func (h *fakeHost) Prompt(turns []engine.Turn, s *talk.Settings) ([]int32, error) {
	last := turns[len(turns)-1].Content
	if last == "refused" {
		return nil, errors.New("chat: /models/base/tokenizer_config.json: no")
	}
	if s.MaxTokens == 0 {
		s.MaxTokens = 100
	}
	return []rune(last), nil
}

func text(ask *talk.Ask) string { return string(ask.Prompt) }

func (h *fakeHost) Answer(ctx context.Context, a *runner.NamedAdapter, asks ...*talk.Ask) error {
	var group []string
	for _, ask := range asks {
		group = append(group, text(ask))
	}
	h.mu.Lock()
	h.groups = append(h.groups, group)
	h.mu.Unlock()
	for _, ask := range asks {
		for _, word := range strings.SplitAfter(h.say(ctx, a, ask), " ") {
			if ask.Context.Err() != nil {
				ask.Finish = talk.Cancelled
				break
			}
			if ask.Tokens++; word == "fail" {
				return errors.New("/home/somebody/adapter: the device is full")
			}
			ask.Text += word
			ask.Hear(word)
			if ask.Tokens == ask.MaxTokens {
				ask.Finish = talk.TooLong
				break
			}
		}
		if ask.Finish == "" {
			ask.Finish = talk.Stopped
		}
	}
	return nil
}

func (h *fakeHost) Abandon() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.abandoned++
	return nil
}

func (h *fakeHost) answered() [][]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.groups
}

// echo answers with the prompt.
func echo(_ context.Context, _ *runner.NamedAdapter, ask *talk.Ask) string { return text(ask) }

// running is a server in its own goroutine.
type running struct {
	*Server
	t    *testing.T
	url  string
	stop context.CancelFunc
	done chan error

	mu    sync.Mutex
	lines []string
}

func start(t *testing.T, o Options) *running {
	t.Helper()
	r := &running{t: t, done: make(chan error, 1)}
	if o.Models == nil {
		o.Models = named("notes@v1", "notes@v2", "foreign")
	}
	if o.Queue == 0 {
		o.Queue = 8
	}
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.MaxBody == 0 {
		o.MaxBody = 1 << 20
	}
	o.Now = time.Now
	o.Log = func(line string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.lines = append(r.lines, line)
	}
	r.Server = New(o)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.url = "http://" + l.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() { r.done <- r.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-r.done; err != nil {
			t.Error(err)
		}
		r.done <- nil
	})
	return r
}

func (r *running) log() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.lines, "\n")
}

// post sends a body and returns the answer's status, headers and body.
func (r *running) post(ctx context.Context, body string, headers ...string) (int, http.Header, string) {
	r.t.Helper()
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		r.t.Error(err)
		return 0, nil, ""
	}
	q.Header.Set("Content-Type", "application/json")
	return r.do(q, headers...)
}

func (r *running) get(path string, headers ...string) (int, http.Header, string) {
	r.t.Helper()
	q, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.url+path, http.NoBody)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.do(q, headers...)
}

func (r *running) do(q *http.Request, headers ...string) (int, http.Header, string) {
	r.t.Helper()
	for i := 0; i < len(headers); i += 2 {
		q.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			q.Host = headers[i+1]
		}
	}
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		if q.Context().Err() == nil {
			r.t.Error(err)
		}
		return 0, nil, ""
	}
	defer a.Body.Close() //nolint:errcheck // it was read
	data, err := io.ReadAll(a.Body)
	if err != nil && q.Context().Err() == nil {
		r.t.Error(err)
	}
	return a.StatusCode, a.Header, string(data)
}

// ask returns a body with one user's message.
func body(model, content string, more ...any) string {
	m := map[string]any{"model": model, "messages": []map[string]string{{"role": "user", "content": content}}}
	for i := 0; i < len(more); i += 2 {
		m[more[i].(string)] = more[i+1] //nolint:errcheck,forcetypeassert // names are texts
	}
	return string(marshal(m))
}

// reply is a whole completion.
type reply struct {
	ID, Object, Model string
	Fingerprint       string `json:"system_fingerprint"`
	Created           int64
	Choices           []struct {
		Index   int
		Message struct{ Role, Content string }
		Finish  string `json:"finish_reason"`
	}
	Usage struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
		Total      int `json:"total_tokens"`
	}
}

func decode[T any](t *testing.T, data string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(data), &v); err != nil {
		t.Fatalf("%v in %q", err, data)
	}
	return v
}

// faultOf returns the error in a body.
func faultOf(t *testing.T, data string) Fault {
	t.Helper()
	e := decode[struct{ Error *Fault }](t, data).Error
	if e == nil || e.Message == "" || e.Type == "" {
		t.Fatalf("%q is not an error of OpenAI's form", data)
	}
	return *e
}

// events returns the data of server-sent events.
func events(t *testing.T, data string) []string {
	t.Helper()
	var out []string
	for s := bufio.NewScanner(strings.NewReader(data)); s.Scan(); {
		switch line := s.Text(); {
		case strings.HasPrefix(line, "data: "):
			out = append(out, strings.TrimPrefix(line, "data: "))
		case line != "":
			t.Fatalf("line %q in a stream", line)
		}
	}
	return out
}

// streamed returns the text of a stream's chunks, the reason that it ended for, and the
// usage, if there is one.
func streamed(t *testing.T, data string) (text, finish, usage string) {
	t.Helper()
	all := events(t, data)
	if len(all) == 0 || all[len(all)-1] != "[DONE]" {
		t.Fatalf("a stream that ends with %q", all[max(0, len(all)-1):])
	}
	for i, e := range all[:len(all)-1] {
		c := decode[struct {
			Object  string
			Choices []struct {
				Delta  struct{ Role, Content string }
				Finish string `json:"finish_reason"`
			}
			Usage json.RawMessage
		}](t, e)
		if c.Object != "chat.completion.chunk" {
			t.Fatalf("event %q", e)
		}
		if c.Usage != nil && string(c.Usage) != "null" {
			if usage = string(c.Usage); len(c.Choices) != 0 || i != len(all)-2 {
				t.Fatalf("usage in event %d of %d: %q", i, len(all), e)
			}
			continue
		}
		if finish != "" || len(c.Choices) != 1 || (c.Choices[0].Delta.Role == "assistant") != (i == 0) {
			t.Fatalf("event %d: %q", i, e)
		}
		text, finish = text+c.Choices[0].Delta.Content, c.Choices[0].Finish
	}
	return text, finish, usage
}
