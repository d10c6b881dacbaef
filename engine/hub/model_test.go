package hub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

var model = Ref{Repo: repo, Revision: "main"}

func mustModel(t *testing.T, c *Client, ref Ref) Snapshot {
	t.Helper()
	s, err := c.Model(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// holds checks the contents of a snapshot.
func holds(t *testing.T, s *server, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(data) != s.files[name] {
			t.Errorf("%s holds %d bytes, %v, want %d", name, len(data), err, len(s.files[name]))
		}
	}
}

func TestModel(t *testing.T) {
	s := newServer(t)
	c := s.client()
	got := mustModel(t, c, model)
	if got.Revision != commit || got.Repo != repo || got.Dir != filepath.Join(c.Cache, "models--org--model", "snapshots", commit) {
		t.Errorf("got %+v", got)
	}
	holds(t, s, got.Dir, "config.json", "tokenizer.json", "README.md", "model.safetensors")
	if _, err := os.Stat(filepath.Join(got.Dir, "pytorch_model.bin")); err == nil {
		t.Error("a pickle was fetched")
	}
	link, err := os.Readlink(filepath.Join(got.Dir, "config.json"))
	if err != nil || !strings.HasPrefix(link, "../../blobs/") || len(filepath.Base(link)) != 40 {
		t.Errorf("config.json leads to %q, %v", link, err)
	}
	if link, err = os.Readlink(filepath.Join(got.Dir, "model.safetensors")); err != nil || len(filepath.Base(link)) != 64 {
		t.Errorf("the weights lead to %q, %v", link, err)
	}
	if text, err := os.ReadFile(filepath.Join(c.Cache, "models--org--model", "refs", "main")); err != nil || string(text) != commit {
		t.Errorf("main stands at %q, %v", text, err)
	}
	s.asked()

	// A branch is looked up again, and nothing else; a commit that is whole is not.
	mustModel(t, c, model)
	if asked := s.asked(); !slices.Equal(asked, []string{"GET /api/models/org/model/revision/main"}) {
		t.Errorf("asked %q", asked)
	}
	pinned := mustModel(t, c, Ref{repo, commit})
	c.Offline = true
	offline := mustModel(t, c, model)
	if asked := s.asked(); len(asked) != 0 || pinned != got || offline != got {
		t.Errorf("asked %q, got %+v and %+v", asked, pinned, offline)
	}
}

// TestMovedBranch fetches what is new, and keeps the other commit.
func TestMovedBranch(t *testing.T) {
	s := newServer(t)
	c := s.client()
	before := mustModel(t, c, model)
	s.commit = strings.Repeat("b", 40)
	s.files["config.json"] = `{"model_type": "qwen3"}`
	s.asked()
	after := mustModel(t, c, model)
	holds(t, s, after.Dir, "config.json", "model.safetensors")
	for _, r := range s.asked() {
		if strings.HasPrefix(r, "storage") {
			t.Errorf("%s: the weights are there already", r)
		}
	}
	if data, err := os.ReadFile(filepath.Join(before.Dir, "config.json")); err != nil || string(data) != `{"model_type": "llama"}` {
		t.Errorf("the commit before has %q, %v", data, err)
	}
}

func TestShards(t *testing.T) {
	s := newServer(t)
	delete(s.files, "model.safetensors")
	s.files["model.safetensors.index.json"] = `{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors", "c": "model-1.safetensors"}}`
	s.files["model-1.safetensors"], s.files["model-2.safetensors"], s.files["model-3.safetensors"] = "one", "two", "of no use"
	c := s.client()
	got := mustModel(t, c, model)
	holds(t, s, got.Dir, "model.safetensors.index.json", "model-1.safetensors", "model-2.safetensors")
	if _, err := os.Stat(filepath.Join(got.Dir, "model-3.safetensors")); err == nil {
		t.Error("a file was fetched that the index doesn't name")
	}
	// A shard that is lost is fetched again, or missed where nobody may be asked.
	if err := os.Remove(filepath.Join(got.Dir, "model-2.safetensors")); err != nil {
		t.Fatal(err)
	}
	c.Offline = true
	var e *Error
	if _, err := c.Model(t.Context(), model); !errors.Is(err, ErrOffline) || !errors.As(err, &e) || e.File != "model-2.safetensors" {
		t.Errorf("offline: %v", err)
	}
	c.Offline = false
	mustModel(t, c, Ref{repo, commit})
	holds(t, s, got.Dir, "model-2.safetensors")
	for _, bad := range []string{`{"weight_map": {"a": "../x.safetensors"}}`, `{"weight_map": {"a": "x.bin"}}`, `{"weight_map": {}}`, `[`} {
		s.files["model.safetensors.index.json"] = bad
		if _, err := s.client().Model(t.Context(), model); err == nil || !strings.Contains(err.Error(), "index.json") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// TestBrokenConnections cuts the weights into pieces; each attempt goes on where
// the one before ended, also in another process.
func TestBrokenConnections(t *testing.T) {
	s := newServer(t)
	cuts := 0
	s.before = func(w http.ResponseWriter, r *http.Request, content string) bool {
		if content == "" || cuts == 8 {
			return false
		}
		cuts++
		var from int
		if r.Header.Get("Range") != "" {
			if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err != nil {
				t.Error(err)
			}
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(content)-1, len(content)))
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(content)-from))
		if from > 0 {
			w.WriteHeader(http.StatusPartialContent)
		}
		_, _ = w.Write([]byte(content[from : from+3000]))
		panic(http.ErrAbortHandler) // the connection breaks
	}
	c := s.client()
	var last, total int64
	c.Progress = func(file string, done, of int64) {
		if file == "model.safetensors" {
			if done < last {
				t.Errorf("%d bytes after %d", done, last)
			}
			last, total = done, of
		}
	}
	got := mustModel(t, c, model)
	holds(t, s, got.Dir, "model.safetensors")
	if want := int64(len(s.files["model.safetensors"])); cuts != 8 || last != want || total != want {
		t.Errorf("%d cuts, progress ends at %d of %d", cuts, last, total)
	}
	if asked := s.asked(); !slices.Contains(asked, "storage GET /model.safetensors bytes=3000-") || !slices.Contains(asked, "storage GET /model.safetensors bytes=24000-") {
		t.Errorf("asked %q", asked)
	}
}

func TestResumesAnotherTime(t *testing.T) {
	s := newServer(t)
	c := s.client()
	s.before = func(w http.ResponseWriter, _ *http.Request, content string) bool {
		if content == "" {
			return false
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		if len(s.requests) > 20 { // five attempts bring something, then none does
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write([]byte(content[:5000]))
		panic(http.ErrAbortHandler)
	}
	var e *Error
	_, err := c.Model(t.Context(), model)
	if !errors.As(err, &e) || e.File != "model.safetensors" || !strings.Contains(e.Hint(), "is kept") {
		t.Fatalf("error %v", err)
	}
	s.before = nil
	s.asked()
	got := mustModel(t, c, model)
	holds(t, s, got.Dir, "model.safetensors")
	if left := blobs(t, c, ".incomplete"); len(left) != 0 {
		t.Errorf("%q are left", left)
	}
}

// blobs lists what lies among the blobs with such an ending.
func blobs(t *testing.T, c *Client, ending string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(c.Cache, "models--org--model", "blobs", "*"+ending))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestNoRanges: a server that sends all of it again.
func TestNoRanges(t *testing.T) {
	s := newServer(t)
	calls := 0
	s.before = func(w http.ResponseWriter, _ *http.Request, content string) bool {
		if content == "" {
			return false
		}
		calls++
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		if calls == 1 {
			_, _ = w.Write([]byte(content[:7000]))
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write([]byte(content))
		return true
	}
	c := s.client()
	holds(t, s, mustModel(t, c, model).Dir, "model.safetensors")
	if calls != 2 {
		t.Errorf("%d attempts", calls)
	}
}

func TestWrongDigest(t *testing.T) {
	for _, large := range []bool{true, false} {
		s := newServer(t)
		c := s.client()
		s.before = func(w http.ResponseWriter, r *http.Request, content string) bool {
			if large && content != "" {
				_, _ = w.Write([]byte(strings.ToUpper(content)))
				return true
			}
			if !large && r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "config.json") {
				_, _ = w.Write([]byte(strings.ToUpper(s.files["config.json"])))
				return true
			}
			return false
		}
		file := map[bool]string{true: "model.safetensors", false: "config.json"}[large]
		_, err := c.Model(t.Context(), model)
		var e *Error
		if !errors.Is(err, ErrDigest) || !errors.As(err, &e) || e.File != file {
			t.Errorf("%s: error %v", file, err)
		}
		if _, err := os.Stat(filepath.Join(c.Cache, "models--org--model", "snapshots", commit, file)); err == nil {
			t.Errorf("%s is in the snapshot", file)
		}
		s.before = nil
		holds(t, s, mustModel(t, c, model).Dir, file)
	}
}

func TestTooShort(t *testing.T) {
	s := newServer(t)
	s.before = func(w http.ResponseWriter, _ *http.Request, content string) bool {
		if content != "" {
			_, _ = w.Write([]byte(content[:100])) // and the connection ends in order
		}
		return content != ""
	}
	if _, err := s.client().Model(t.Context(), model); err == nil || !strings.Contains(err.Error(), "model.safetensors") {
		t.Errorf("error %v", err)
	}
}

func TestStalled(t *testing.T) {
	s := newServer(t)
	c := s.client()
	calls := 0
	s.before = func(w http.ResponseWriter, r *http.Request, content string) bool {
		if content == "" || calls > 0 {
			return false
		}
		calls++
		_, _ = w.Write([]byte(content[:100]))
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		<-r.Context().Done() // until the client has had enough
		return true
	}
	holds(t, s, mustModel(t, c, model).Dir, "model.safetensors")
}

func TestBusyServer(t *testing.T) {
	s := newServer(t)
	left := 4
	s.before = func(w http.ResponseWriter, _ *http.Request, _ string) bool {
		if left--; left < 0 {
			return false
		}
		w.WriteHeader([]int{http.StatusTooManyRequests, http.StatusBadGateway}[left%2])
		return true
	}
	mustModel(t, s.client(), model)
	left = 1000
	if _, err := s.client().Model(t.Context(), model); err == nil || !strings.Contains(err.Error(), "50") && !strings.Contains(err.Error(), "429") {
		t.Errorf("error %v", err)
	}
	if left != 1000-attempts {
		t.Errorf("%d attempts, want %d", 1000-left, attempts)
	}
}

func TestAccess(t *testing.T) {
	s := newServer(t)
	s.private = true
	c := s.client()
	holds(t, s, mustModel(t, c, model).Dir, "model.safetensors")
	c = s.client()
	c.token = "hf_another"
	_, err := c.Model(t.Context(), model)
	var e *Error
	if !errors.Is(err, ErrAccess) || !errors.As(err, &e) || !strings.Contains(e.Hint(), "HF_TOKEN") || !strings.Contains(err.Error(), "Access to model org/model is restricted.") {
		t.Errorf("error %v", err)
	}
	if strings.Contains(fmt.Sprintf("%v %+v %#v %s", err, err, c, c), "hf_another") {
		t.Error("the token is printed")
	}
	if asked := s.asked(); len(asked) == 0 || strings.Count(strings.Join(asked, " "), "revision/main") != 2 {
		t.Errorf("refused, and asked again: %q", asked)
	}
}

func TestNotThere(t *testing.T) {
	s := newServer(t)
	for _, ref := range []Ref{{"org/other", "main"}, {repo, "v2"}, {repo, strings.Repeat("a", 40)}} {
		if _, err := s.client().Model(t.Context(), ref); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", ref, err)
		}
	}
	mustModel(t, s.client(), Ref{repo, "refs/pr/1"})
	delete(s.files, "model.safetensors")
	var e *Error
	if _, err := s.client().Model(t.Context(), model); !errors.Is(err, ErrWeights) || !errors.As(err, &e) || e.Hint() == "" {
		t.Errorf("only a pickle: %v", err)
	}
	c := s.client()
	c.Offline = true
	if _, err := c.Model(t.Context(), model); !errors.Is(err, ErrOffline) {
		t.Errorf("offline: %v", err)
	}
	s.endpoint.Close()
	if _, err := s.client().Model(t.Context(), model); !errors.As(err, &e) || !strings.Contains(e.Hint(), "HF_HUB_OFFLINE=1") {
		t.Errorf("no server: %v", err)
	}
}

// TestDishonestServer gives no digest, another commit, no commit.
func TestDishonestServer(t *testing.T) {
	s := newServer(t)
	s.before = func(w http.ResponseWriter, r *http.Request, _ string) bool {
		if r.Method == http.MethodHead {
			w.Header().Set("ETag", `"../../../evil"`)
		}
		return r.Method == http.MethodHead
	}
	if _, err := s.client().Model(t.Context(), model); err == nil || !strings.Contains(err.Error(), "no digest") {
		t.Errorf("no digest: %v", err)
	}
	s.before = nil
	s.commit = "../../../../evil"
	if _, err := s.client().Model(t.Context(), model); err == nil || !strings.Contains(err.Error(), "where a commit should be") {
		t.Errorf("no commit: %v", err)
	}
	s.commit = commit
	s.before = func(w http.ResponseWriter, r *http.Request, _ string) bool {
		if strings.Contains(r.URL.Path, "/api/") {
			http.Redirect(w, r, "ftp://"+r.Host+"/", http.StatusFound)
			return true
		}
		return false
	}
	if _, err := s.client().Model(t.Context(), model); err == nil {
		t.Error("followed a redirect to ftp")
	}
}

// TestTogether: many at once fetch everything once.
func TestTogether(t *testing.T) {
	s := newServer(t)
	c := s.client()
	var group sync.WaitGroup
	for range 6 {
		other := &Client{Cache: c.Cache, Endpoint: c.Endpoint, token: c.token, pause: c.pause}
		group.Go(func() {
			if _, err := other.Model(context.Background(), model); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	n := 0
	for _, r := range s.asked() {
		if strings.HasPrefix(r, "storage GET") {
			n++
		}
	}
	if n != 1 {
		t.Errorf("the weights were fetched %d times", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.client().Model(ctx, model); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
