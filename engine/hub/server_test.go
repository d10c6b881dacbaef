package hub

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	repo   = "org/model"
	commit = "0123456789abcdef0123456789abcdef01234567"
	secret = "hf_secretsecretsecret"
)

// server is a small hub with one model, whose large files lie on another host as
// they do on the real one.
type server struct {
	t        *testing.T
	endpoint *httptest.Server
	storage  *httptest.Server

	mu       sync.Mutex
	files    map[string]string
	commit   string
	private  bool
	requests []string // METHOD PATH [RANGE], those of the storage with "storage" before
	// before, if not nil, may answer a request in the server's place.
	before func(w http.ResponseWriter, r *http.Request, content string) bool
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, commit: commit, files: map[string]string{
		"config.json": `{"model_type": "llama"}`, "tokenizer.json": "{}", "README.md": "---\nlicense: mit\n---\n",
		"model.safetensors": strings.Repeat("weights of several kilobytes ", 1000), "pytorch_model.bin": "pickle",
	}}
	s.endpoint = httptest.NewServer(http.HandlerFunc(s.serve))
	s.storage = httptest.NewServer(http.HandlerFunc(s.store))
	t.Cleanup(s.endpoint.Close)
	t.Cleanup(s.storage.Close)
	return s
}

// client returns one with a cache of its own, that doesn't wait long.
func (s *server) client() *Client {
	s.t.Helper()
	c, err := FromEnv(func(name string) string {
		return map[string]string{"HF_HOME": s.t.TempDir(), "HF_ENDPOINT": s.endpoint.URL + "/", "HF_TOKEN": secret}[name]
	}, "/nonexistent")
	if err != nil {
		s.t.Fatal(err)
	}
	c.pause, c.patience = time.Millisecond, 300*time.Millisecond
	return c
}

func (s *server) log(r *http.Request, prefix string) {
	s.requests = append(s.requests, strings.TrimSpace(prefix+r.Method+" "+r.URL.Path+" "+r.Header.Get("Range")))
}

// asked returns the requests since it was called last.
func (s *server) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.requests
	s.requests = nil
	return all
}

func large(name string) bool { return strings.HasSuffix(name, ".safetensors") }

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log(r, "")
	if s.private && r.Header.Get("Authorization") != "Bearer "+secret {
		w.Header().Set("X-Error-Code", "GatedRepo")
		w.Header().Set("X-Error-Message", "Access to model org/model is restricted.")
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if s.before != nil && s.before(w, r, "") {
		return
	}
	if revision, ok := strings.CutPrefix(r.URL.Path, "/api/models/"+repo+"/revision/"); ok {
		if revision != "main" && revision != s.commit && revision != "refs/pr/1" {
			w.Header().Set("X-Error-Code", "RevisionNotFound")
			w.WriteHeader(http.StatusNotFound)
			return
		}
		l := listing{Commit: s.commit}
		for _, name := range slices.Sorted(maps.Keys(s.files)) {
			l.Files = append(l.Files, struct {
				Name string `json:"rfilename"`
			}{name})
		}
		if err := json.NewEncoder(w).Encode(l); err != nil {
			s.t.Error(err)
		}
		return
	}
	name, ok := strings.CutPrefix(r.URL.Path, "/"+repo+"/resolve/"+s.commit+"/")
	content, there := s.files[name]
	if !ok || !there {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if !large(name) {
		h := sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(content), content))
		w.Header().Set("ETag", `"`+hex.EncodeToString(h[:])+`"`)
		s.content(w, r, content)
		return
	}
	h := sha256.Sum256([]byte(content))
	w.Header().Set("X-Linked-Etag", `"`+hex.EncodeToString(h[:])+`"`)
	w.Header().Set("X-Linked-Size", fmt.Sprint(len(content)))
	w.Header().Set("ETag", `"of-the-redirect"`)
	http.Redirect(w, r, s.storage.URL+"/"+name+"?signature=abc", http.StatusFound)
}

func (s *server) store(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log(r, "storage ")
	if r.Header.Get("Authorization") != "" || strings.Contains(r.URL.RawQuery, secret) {
		s.t.Error("the token has followed a redirect to another host")
	}
	content := s.files[strings.TrimPrefix(r.URL.Path, "/")]
	if s.before != nil && s.before(w, r, content) {
		return
	}
	s.content(w, r, content)
}

func (s *server) content(w http.ResponseWriter, r *http.Request, content string) {
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
}
