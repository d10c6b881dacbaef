package hub

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// FromEnv returns a client as the environment asks for it, with the variables of
// the huggingface_hub library: HF_HUB_CACHE, HF_HOME and XDG_CACHE_HOME for the
// cache, HF_ENDPOINT, HF_HUB_OFFLINE, and the token of HF_TOKEN, or of the file
// that HF_TOKEN_PATH or HF_HOME has after a login. home is the user's folder.
func FromEnv(getenv func(string) string, home string) (*Client, error) {
	first := func(names ...string) string {
		for _, name := range names {
			if v := getenv(name); v != "" {
				return v
			}
		}
		return ""
	}
	expand := func(path string) string {
		if path == "~" || strings.HasPrefix(path, "~/") {
			return filepath.Join(home, path[1:])
		}
		return path
	}
	base := expand(first("HF_HOME"))
	if base == "" {
		cache := expand(first("XDG_CACHE_HOME"))
		if cache == "" {
			cache = filepath.Join(home, ".cache")
		}
		base = filepath.Join(cache, "huggingface")
	}
	c := &Client{Cache: expand(first("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")), Endpoint: first("HF_ENDPOINT")}
	if c.Cache == "" {
		c.Cache = filepath.Join(base, "hub")
	}
	if c.Endpoint == "" {
		c.Endpoint = "https://huggingface.co"
	}
	c.Endpoint = strings.TrimRight(c.Endpoint, "/")
	if u, err := url.Parse(c.Endpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil, &Error{Name: "HF_ENDPOINT", Err: errors.New("not the address of a server"), Advice: "set it to https://HOST, or unset it"}
	}
	c.Offline = slices.Contains([]string{"1", "ON", "YES", "TRUE"}, strings.ToUpper(first("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")))
	c.token = strings.TrimSpace(first("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"))
	if c.token == "" {
		path := expand(first("HF_TOKEN_PATH"))
		if path == "" {
			path = filepath.Join(base, "token")
		}
		if text, err := os.ReadFile(path); err == nil {
			c.token = strings.TrimSpace(string(text))
		}
	}
	if strings.ContainsFunc(c.token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, &Error{Name: "HF_TOKEN", Err: errors.New("not a token"), Advice: "a token is one word that begins with hf_"}
	}
	return c, nil
}
