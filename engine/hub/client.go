package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Client finds models. Its methods may be called side by side.
type Client struct {
	Cache    string // folder
	Endpoint string // such as "https://huggingface.co"
	Offline  bool   // ask nobody
	// Progress, if not nil, is told of the bytes of a file that are there; one call
	// at a time.
	Progress func(file string, done, total int64)

	token string
	// For tests: how long to wait before another attempt, for the first byte of an
	// answer and for every other.
	pause, patience time.Duration
}

const (
	attempts = 5                // that bring nothing, before giving up
	pause    = time.Second      // before the second attempt; doubled for each after
	patience = 60 * time.Second // for the first byte of an answer and every other
)

// String keeps the token out of whatever prints a client.
func (c *Client) String() string { return "hub at " + c.Endpoint }

// GoString is String.
func (c *Client) GoString() string { return c.String() }

// transient is an error after which another attempt may succeed.
type transient struct {
	error
	after time.Duration // at least
}

func (t transient) Unwrap() error { return t.error }

// do sends a request, with the token if it goes to the endpoint, and follows
// redirects; without follow, only those within the endpoint. The caller closes
// the body. Statuses of 300 and more are errors.
func (c *Client) do(ctx context.Context, method, address string, header http.Header, follow bool) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Header.Set("User-Agent", "daybook")
	req.Header.Set("Accept-Encoding", "identity") // what arrives is what is digested
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	first := req.URL
	client := &http.Client{Transport: transport, CheckRedirect: func(next *http.Request, via []*http.Request) error {
		same := next.URL.Scheme == first.Scheme && next.URL.Host == first.Host
		switch {
		case len(via) >= 10:
			return errors.New("redirected ten times")
		case !same && !follow:
			return http.ErrUseLastResponse
		case first.Scheme == "https" && next.URL.Scheme != "https":
			return errors.New("redirected from https to " + next.URL.Scheme)
		case !same:
			next.Header.Del("Authorization")
		}
		return nil
	}}
	resp, err := client.Do(req)
	if err != nil {
		var failed *url.Error // its text has the address, which a signature may be part of
		if errors.As(err, &failed) {
			err = failed.Err
		}
		if ctx.Err() != nil {
			return nil, err
		}
		return nil, transient{fmt.Errorf("%s: %w", first.Host, err), 0}
	}
	if resp.StatusCode >= 400 || resp.StatusCode >= 300 && follow {
		defer resp.Body.Close() //nolint:errcheck // nothing more is read
		return nil, refusal(resp)
	}
	return resp, nil
}

var transport = func() *http.Transport {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return &http.Transport{}
	}
	t = t.Clone()
	t.ResponseHeaderTimeout = patience
	return t
}()

// refusal turns an answer that is none into an error.
func refusal(resp *http.Response) error {
	detail := resp.Status
	if m := resp.Header.Get("X-Error-Message"); m != "" && len(m) < 300 && !strings.ContainsFunc(m, func(r rune) bool { return !unicode.IsPrint(r) }) {
		detail += ": " + m
	}
	code := resp.Header.Get("X-Error-Code")
	switch status := resp.StatusCode; {
	case code == "RepoNotFound", code == "RevisionNotFound", code == "EntryNotFound", status == http.StatusNotFound:
		return fmt.Errorf("%w (%s)", ErrNotFound, detail)
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return fmt.Errorf("%w (%s)", ErrAccess, detail)
	case status == http.StatusTooManyRequests, status >= 500:
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return transient{errors.New(detail), time.Duration(min(max(seconds, 0), 60)) * time.Second}
	}
	return errors.New(detail)
}

// persist calls try until it succeeds, fails for good, or fails too often in a row
// without progress.
func (c *Client) persist(ctx context.Context, try func() (progress bool, err error)) error {
	wait := c.pause
	if wait == 0 {
		wait = pause
	}
	first := wait
	for left := attempts; ; {
		progress, err := try()
		var again transient
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil || !errors.As(err, &again):
			return err
		}
		if progress {
			left, wait = attempts, first
		}
		if left--; left == 0 {
			return again.error
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(max(wait, again.after)):
		}
		wait *= 2
	}
}

// listing is what the Hub says of a model at a revision.
type listing struct {
	Commit string `json:"sha"`
	Files  []struct {
		Name string `json:"rfilename"`
	} `json:"siblings"`
}

func (l *listing) has(name string) bool {
	for _, f := range l.Files {
		if f.Name == name {
			return true
		}
	}
	return false
}

const maxListing = 16 << 20 // bytes; a repository of a hundred thousand files

func (c *Client) list(ctx context.Context, ref Ref) (*listing, error) {
	l := &listing{}
	err := c.persist(ctx, func() (bool, error) {
		resp, err := c.do(ctx, http.MethodGet, c.Endpoint+"/api/models/"+ref.Repo+"/revision/"+url.PathEscape(ref.Revision), nil, true)
		if err != nil {
			return false, err
		}
		defer resp.Body.Close() //nolint:errcheck // nothing more is read
		data, err := io.ReadAll(io.LimitReader(resp.Body, maxListing))
		if err != nil {
			return false, transient{err, 0}
		}
		*l = listing{}
		return false, json.Unmarshal(data, l)
	})
	switch {
	case err != nil:
		return nil, err
	case !commitPattern.MatchString(l.Commit):
		return nil, fmt.Errorf("the Hub says %q where a commit should be", l.Commit)
	case ref.Pinned() && l.Commit != ref.Revision:
		return nil, fmt.Errorf("the Hub answers with commit %s", l.Commit)
	}
	return l, nil
}
