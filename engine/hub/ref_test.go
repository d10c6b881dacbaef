package hub

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for name, want := range map[string]Ref{
		"hf:org/name":              {"org/name", "main"},
		"hf:Qwen/Qwen2.5-0.5B@v1":  {"Qwen/Qwen2.5-0.5B", "v1"},
		"hf:a/b@refs/pr/3":         {"a/b", "refs/pr/3"},
		"hf:a/b_c.d@" + commit:     {"a/b_c.d", commit},
		"hf:HuggingFaceTB/SmolLM2": {"HuggingFaceTB/SmolLM2", "main"},
	} {
		if got, err := Parse(name); err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if again, err := Parse(want.String()); err != nil || again != want {
			t.Errorf("%s: %+v, %v", want, again, err)
		}
	}
	for _, name := range []string{
		"", "org/name", "hf:", "hf:name", "hf:a/b/c", "hf:../b", "hf:a/..", "hf:a/b@", "hf:a/b@..", "hf:a/b@../../x", "hf:a/b@/x", "hf:a/b@x//y",
		"hf:a/b@x/", "hf:a--b/c", "hf:a/b c", "hf:a/b?x", "hf:.a/b", "hf:a/b@x y", "hf:a/b@" + strings.Repeat("x", 300),
	} {
		if got, err := Parse(name); err == nil {
			t.Errorf("%q: accepted as %+v", name, got)
		}
	}
	if (Ref{"a/b", "main"}).Pinned() || !(Ref{"a/b", commit}).Pinned() {
		t.Error("what is pinned is a commit")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("hf:org/name@refs/pr/1")
	f.Fuzz(func(t *testing.T, name string) {
		ref, err := Parse(name)
		if err != nil {
			return
		}
		for _, part := range []string{strings.ReplaceAll(ref.Repo, "/", "--"), ref.Revision} {
			if !filepath.IsLocal(part) {
				t.Errorf("%q leads to %q", name, part)
			}
		}
	})
}

func TestFromEnv(t *testing.T) {
	home := t.TempDir()
	login := filepath.Join(home, "login")
	if err := os.WriteFile(login, []byte("hf_of_the_file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		env  map[string]string
		want Client
	}{
		{"nothing", nil, Client{Cache: filepath.Join(home, ".cache/huggingface/hub"), Endpoint: "https://huggingface.co"}},
		{"xdg", map[string]string{"XDG_CACHE_HOME": "/x"}, Client{Cache: "/x/huggingface/hub", Endpoint: "https://huggingface.co"}},
		{"home", map[string]string{"HF_HOME": "~/hf", "XDG_CACHE_HOME": "/x"}, Client{Cache: filepath.Join(home, "hf/hub"), Endpoint: "https://huggingface.co"}},
		{"cache", map[string]string{"HF_HUB_CACHE": "/c", "HF_HOME": "/h"}, Client{Cache: "/c", Endpoint: "https://huggingface.co"}},
		{"endpoint", map[string]string{"HF_HUB_CACHE": "/c", "HF_ENDPOINT": "https://mirror.example/hf/"}, Client{Cache: "/c", Endpoint: "https://mirror.example/hf"}},
		{"offline", map[string]string{"HF_HUB_CACHE": "/c", "HF_HUB_OFFLINE": "true"}, Client{Cache: "/c", Endpoint: "https://huggingface.co", Offline: true}},
		{"online", map[string]string{"HF_HUB_CACHE": "/c", "HF_HUB_OFFLINE": "0"}, Client{Cache: "/c", Endpoint: "https://huggingface.co"}},
		{"token", map[string]string{"HF_HUB_CACHE": "/c", "HF_TOKEN": " hf_x\n", "HF_TOKEN_PATH": login}, Client{Cache: "/c", Endpoint: "https://huggingface.co", token: "hf_x"}},
		{"login", map[string]string{"HF_HUB_CACHE": "/c", "HF_TOKEN_PATH": login}, Client{Cache: "/c", Endpoint: "https://huggingface.co", token: "hf_of_the_file"}},
	} {
		got, err := FromEnv(func(name string) string { return c.env[name] }, home)
		if err != nil || got.Cache != c.want.Cache || got.Endpoint != c.want.Endpoint || got.Offline != c.want.Offline || got.token != c.want.token {
			t.Errorf("%s: %+v with %q, %v", c.name, got, got.token, err)
		}
	}
	for name, value := range map[string]string{
		"HF_ENDPOINT": "mirror.example", "HF_TOKEN": "two words",
	} {
		if _, err := FromEnv(func(n string) string { return map[string]string{name: value}[n] }, home); err == nil || strings.Contains(err.Error(), value) {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
	if _, err := FromEnv(func(n string) string {
		return map[string]string{"HF_ENDPOINT": "https://user:pass@mirror.example"}[n]
	}, home); err == nil || strings.Contains(err.Error(), "pass") {
		t.Errorf("a password in the address: %v", err)
	}
}
