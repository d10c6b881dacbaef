package serve

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"daybook/runner"
	"daybook/runner/talk"
)

const secret = "Quillfeather takes warfarin"

func TestComplete(t *testing.T) {
	r := start(t, Options{Host: &fakeHost{say: echo}, Base: strings.Repeat("b", 64)})
	status, header, data := r.post(t.Context(), body("base", secret))
	got := decode[reply](t, data)
	if status != 200 || header.Get("Content-Type") != "application/json" || !strings.HasPrefix(got.ID, "chatcmpl-") || got.Object != "chat.completion" ||
		got.Model != "base" || got.Created == 0 || len(got.Choices) != 1 || got.Fingerprint != "fp_bbbbbbbbbbbb" {
		t.Errorf("%d %s", status, data)
	}
	if c := got.Choices[0]; c.Message.Role != "assistant" || c.Message.Content != secret || c.Finish != "stop" {
		t.Errorf("choice %+v", c)
	}
	if n := len([]rune(secret)); got.Usage.Prompt != n || got.Usage.Completion != 3 || got.Usage.Total != n+3 {
		t.Errorf("usage %+v", got.Usage)
	}
	_, _, data = r.post(t.Context(), body("notes@v1", secret, "max_tokens", 2))
	if c := decode[reply](t, data).Choices[0]; c.Message.Content != "Quillfeather takes " || c.Finish != "length" {
		t.Errorf("cut: %+v", c)
	}
}

func TestStream(t *testing.T) {
	r := start(t, Options{Host: &fakeHost{say: echo}})
	for _, usage := range []bool{false, true} {
		status, header, data := r.post(t.Context(), body("notes@v1", secret, "stream", true, "stream_options", map[string]bool{"include_usage": usage}))
		text, finish, counted := streamed(t, data)
		if status != 200 || header.Get("Content-Type") != "text/event-stream" || text != secret || finish != "stop" || (counted != "") != usage {
			t.Errorf("%d %v: %q, %q, usage %q", status, header, text, finish, counted)
		}
		if strings.Contains(data, `"usage"`) != usage {
			t.Errorf("usage in %s", data)
		}
	}
	_, _, data := r.post(t.Context(), body("base", "", "stream", true))
	if text, finish, _ := streamed(t, data); text != "" || finish != "stop" {
		t.Errorf("an empty answer: %q, %q", text, finish)
	}
}

// TestStreamComesAsItIsMade reads the first words while the others are not yet there.
func TestStreamComesAsItIsMade(t *testing.T) {
	more := make(chan struct{})
	h := &fakeHost{}
	h.say = func(_ context.Context, _ *runner.NamedAdapter, ask *talk.Ask) string {
		ask.Hear("early ")
		<-more
		return "late"
	}
	r := start(t, Options{Host: h})
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/v1/chat/completions", strings.NewReader(body("base", "x", "stream", true)))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/json")
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close() //nolint:errcheck // only read
	var got []byte
	for !strings.Contains(string(got), "early") {
		piece := make([]byte, 1024)
		n, err := a.Body.Read(piece)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, piece[:n]...)
	}
	close(more)
}

func TestFaults(t *testing.T) {
	h := &fakeHost{say: func(_ context.Context, _ *runner.NamedAdapter, ask *talk.Ask) string {
		if text(ask) == "panic" {
			panic(secret)
		}
		return text(ask)
	}}
	r := start(t, Options{Host: h, Folder: "/models/base", MaxBody: 1000, APIKey: "k1"})
	key := []string{"Authorization", "Bearer k1"}
	for _, tt := range []struct {
		name, body  string
		headers     []string
		status      int
		code, param string
		want        string
	}{
		{"unknown model", body("gpt-4", secret), key, 404, "model_not_found", "model", `no model is called "gpt-4"; there are base, notes@v1, notes@v2, foreign`},
		{"of another base", body("foreign", secret), key, 400, "", "model", "trained on something else; name its base"},
		{"unreadable", body("unreadable", secret), key, 500, "internal_error", "", "its log says more"},
		{"refused by the template", body("base", "refused"), key, 400, "", "messages", "chat: tokenizer_config.json: no"},
		{"not JSON", `{"model": "base", "messages": [` + secret, key, 400, "invalid_json", "", "wrong syntax at byte 32"},
		{"too large", body("base", strings.Repeat("x", 1000)), key, 413, "body_too_large", "", "more than 1000 bytes"},
		{"tools", body("base", secret, "tools", []int{1}), key, 400, "", "tools", "not supported"},
		{"panic", body("base", "panic"), key, 500, "internal_error", "", "its log says more"},
		{"failure", body("base", "fail"), key, 500, "internal_error", "", "its log says more"},
		{"no key", body("base", secret), nil, 401, "invalid_api_key", "", "not the key"},
		{"another key", body("base", secret), []string{"Authorization", "Bearer k2"}, 401, "invalid_api_key", "", "not the key"},
		{"of a page", body("base", secret), append(key, "Origin", "https://evil.example"), 403, "cross_origin", "", "other sites"},
		{"without a type", body("base", secret), append(key, "Content-Type", "text/plain"), 415, "unsupported_media_type", "", "application/json"},
		{"by another name", body("base", secret), append(key, "Host", "evil.example:80"), 403, "host_not_allowed", "", "not a name"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, stream := range []string{"", `"stream": true, `} {
				status, _, data := r.post(t.Context(), strings.Replace(tt.body, `{`, `{`+stream, 1), tt.headers...)
				f := faultOf(t, data)
				if stream != "" && strings.Contains(tt.want, "byte") {
					continue // it is at another byte
				}
				if status != tt.status || !strings.Contains(f.Message, tt.want) || value(f.Code) != tt.code || value(f.Param) != tt.param {
					t.Errorf("%d %s, want %d %q about %q: %s", status, data, tt.status, tt.code, tt.param, tt.want)
				}
				if strings.Contains(data, "/home") || strings.Contains(data, "/models") {
					t.Errorf("a folder of the server's is in %s", data)
				}
			}
		})
	}
	if h.abandoned != 2 {
		t.Errorf("%d panics were cleaned up after", h.abandoned)
	}
	if status, _, data := r.post(t.Context(), body("base", "still there"), key...); status != 200 || !strings.Contains(data, "still there") {
		t.Errorf("afterwards: %d %s", status, data)
	}
	if strings.Contains(r.log(), "Quillfeather") || strings.Contains(r.log(), "warfarin") || strings.Contains(r.log(), "gpt-4") {
		t.Errorf("what clients sent is in the log:\n%s", r.log())
	}
	if !strings.Contains(r.log(), "the device is full") || !strings.Contains(r.log(), "panic: string") {
		t.Errorf("the log doesn't tell what failed:\n%s", r.log())
	}
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func TestEndpoints(t *testing.T) {
	r := start(t, Options{Host: &fakeHost{say: echo}, Names: []string{"lab.example"}})
	for _, tt := range []struct {
		path    string
		headers []string
		status  int
		want    string
	}{
		{"/health", nil, 200, `{"status":"ok","waiting":0}`},
		{"/health", []string{"Host", "lab.example"}, 200, "ok"},
		{"/health", []string{"Host", "LAB.example.:8080"}, 200, "ok"},
		{"/health", []string{"Host", "localhost:1"}, 200, "ok"},
		{"/health", []string{"Host", "[::1]:8080"}, 200, "ok"},
		{"/health", []string{"Host", "127.0.0.1.evil.example"}, 403, "host_not_allowed"},
		{"/v1/models", nil, 200, `{"id":"notes@v1","object":"model","created":2,"owned_by":"daybook","root":"notes@v1","parent":"base"}`},
		{"/v1/models/notes@v2", nil, 200, `"id":"notes@v2"`},
		{"/v1/models/none", nil, 404, "model_not_found"},
		{"/v1/chat/completions", nil, 405, "use POST here"},
		{"/v1/completions", nil, 404, "there are POST /v1/chat/completions"},
		{"/", nil, 404, "no such endpoint"},
	} {
		status, _, data := r.get(tt.path, tt.headers...)
		if status != tt.status || !strings.Contains(data, tt.want) {
			t.Errorf("%s %v: %d %s, want %d %s", tt.path, tt.headers, status, data, tt.status, tt.want)
		}
		if status >= 400 {
			faultOf(t, data)
		}
	}
}

// gate is a host that answers one ask when it is told to.
func gate() (h *fakeHost, begun, open chan string) {
	begun, open = make(chan string, 100), make(chan string)
	h = &fakeHost{}
	h.say = func(_ context.Context, _ *runner.NamedAdapter, ask *talk.Ask) string {
		begun <- text(ask)
		select {
		case word := <-open:
			return word
		case <-ask.Context.Done():
			return "too late"
		}
	}
	return h, begun, open
}

func (r *running) await(want int) {
	r.t.Helper()
	for range 1000 {
		if r.queue.waiting() == want {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	r.t.Fatalf("%d requests wait, want %d", r.queue.waiting(), want)
}

func TestQueueIsBoundedAndFair(t *testing.T) {
	h, begun, open := gate()
	h.parallel = 2
	r := start(t, Options{Host: h, Queue: 5})
	var all sync.WaitGroup
	send := func(model, content string) {
		all.Go(func() {
			if status, _, data := r.post(t.Context(), body(model, content)); status != 200 {
				t.Errorf("%s: %d %s", content, status, data)
			}
		})
	}
	send("notes@v1", "0")
	<-begun // and so not waiting any more
	for i, one := range []string{"a1", "a2", "a3", "b1", "c1"} {
		send(map[byte]string{'a': "notes@v1", 'b': "notes@v2", 'c': "base"}[one[0]], one)
		r.await(i + 1)
	}
	status, header, data := r.post(t.Context(), body("base", "one too many"))
	if status != 429 || header.Get("Retry-After") != "1" || value(faultOf(t, data).Code) != "queue_full" {
		t.Errorf("%d %v %s", status, header, data)
	}
	go func() {
		for range 6 {
			open <- "fine"
		}
	}()
	all.Wait()
	want := [][]string{{"0"}, {"a1", "a2"}, {"b1"}, {"c1"}, {"a3"}}
	if got := h.answered(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("answered in the order %v, want %v", got, want)
	}
}

func TestClientGoesAway(t *testing.T) {
	h, begun, open := gate()
	r := start(t, Options{Host: h})
	for _, stream := range []bool{false, true} {
		var leave []context.CancelFunc
		gone := make(chan struct{})
		for _, content := range []string{"answered", "waiting"} {
			ctx, cancel := context.WithCancel(t.Context())
			leave = append(leave, cancel)
			go func() {
				r.post(ctx, body("base", content, "stream", stream))
				gone <- struct{}{}
			}()
			if content == "answered" {
				<-begun
			}
		}
		r.await(1)
		for i := range leave { // the one that waits first
			leave[1-i]()
			<-gone
			r.await(0)
		}
		next := make(chan string)
		go func() {
			_, _, data := r.post(t.Context(), body("base", "next"))
			next <- data
		}()
		<-begun // and so the one before has ended
		open <- "fine"
		if data := <-next; !strings.Contains(data, "fine") {
			t.Errorf("the next client: %s", data)
		}
	}
	if slices.ContainsFunc(h.answered(), func(g []string) bool { return slices.Contains(g, "waiting") }) {
		t.Errorf("answered %v: for nobody", h.answered())
	}
}

func TestTimeout(t *testing.T) {
	h := &fakeHost{say: func(_ context.Context, _ *runner.NamedAdapter, ask *talk.Ask) string {
		if text(ask) == "begin" {
			ask.Hear("begun ")
		}
		<-ask.Context.Done()
		return "late"
	}}
	r := start(t, Options{Host: h, Timeout: 200 * time.Millisecond})
	for _, stream := range []bool{false, true} {
		status, _, data := r.post(t.Context(), body("base", "x", "stream", stream))
		if f := faultOf(t, data); status != 504 || value(f.Code) != "timeout" || !strings.Contains(f.Message, "200ms") {
			t.Errorf("%d %s", status, data)
		}
	}
	status, _, data := r.post(t.Context(), body("base", "begin", "stream", true))
	all := events(t, data)
	if last := faultOf(t, all[len(all)-1]); status != 200 || value(last.Code) != "timeout" || !strings.Contains(data, "begun") {
		t.Errorf("%d %s", status, data)
	}
}

// TestDrains stops the server while requests are answered and wait.
func TestDrains(t *testing.T) {
	h, begun, open := gate()
	r := start(t, Options{Host: h})
	answers := make(chan int)
	for _, content := range []string{"answered", "waiting"} {
		go func() {
			status, _, _ := r.post(t.Context(), body("base", content))
			answers <- status
		}()
		if content == "answered" {
			<-begun
		}
	}
	r.await(1)
	r.stop()
	for !r.closing.Load() {
		time.Sleep(time.Millisecond)
	}
	select {
	case err := <-r.done:
		t.Fatalf("it ended with requests in progress: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	open <- "fine"
	open <- "fine"
	for range 2 {
		if status := <-answers; status != 200 {
			t.Errorf("status %d", status)
		}
	}
	if err := <-r.done; err != nil {
		t.Error(err)
	}
	r.done <- nil // for the cleanup
}
