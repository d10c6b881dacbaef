package serve

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// entry is what a request leaves in the log: never a text of the client's.
type entry struct {
	status int
	model  string // that there is; "" if none was found
	prompt int    // tokens
	answer int
	note   string
}

// endpoint makes a handler of f: it checks who asks, answers with the fault that f
// returns, keeps a panic to its request, and logs.
func (s *Server) endpoint(path string, f func(http.ResponseWriter, *http.Request, *entry) *Fault) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := s.o.Now()
		sent := &recorder{ResponseWriter: w}
		e := &entry{}
		defer func() {
			if p := recover(); p != nil {
				e.note = panicNote(p)
				if sent.status == 0 {
					internal().send(sent)
				} else {
					defer panic(http.ErrAbortHandler) // the client has to see that the answer isn't whole
				}
			}
			e.status = sent.status
			s.log(path, e, s.o.Now().Sub(began))
		}()
		fault := s.admit(r)
		if fault == nil {
			fault = f(sent, r, e)
		}
		if fault != nil {
			if fault.Code != nil && e.note == "" {
				e.note = *fault.Code
			}
			if fault.Param != nil && e.note == "" {
				e.note = "bad request"
			}
			fault.send(sent)
		}
	})
}

// recorder remembers the status that was sent.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (s *Server) log(path string, e *entry, took time.Duration) {
	parts := []string{path, fmt.Sprint(e.status)}
	if e.model != "" {
		parts = append(parts, e.model)
	}
	if e.prompt > 0 {
		parts = append(parts, fmt.Sprintf("%d+%d tokens", e.prompt, e.answer))
	}
	parts = append(parts, took.Round(time.Millisecond).String())
	if e.note != "" {
		parts = append(parts, e.note)
	}
	s.o.Log(strings.Join(parts, " "))
}

// panicNote describes a panic without the text that its value may have.
func panicNote(p any) string {
	what := fmt.Sprintf("%T", p)
	if err, ok := p.(runtime.Error); ok { // numbers and types alone
		what = err.Error()
	}
	return "panic: " + what + "\n" + string(debug.Stack())
}

// internal is what the client hears of a failure that is none of its own.
func internal() *Fault {
	return fault(http.StatusInternalServerError, typeServer, "internal_error", "an error of the server's; its log says more")
}

// crossOrigin refuses what browsers send in the name of other sites.
var crossOrigin = http.NewCrossOriginProtection()

// admit refuses requests that no client of this server's would make.
func (s *Server) admit(r *http.Request) *Fault {
	if !s.local(r.Host) {
		return fault(http.StatusForbidden, typeInvalid, "host_not_allowed", "Host: not a name of this server's; use its address, or start it with --allow-host")
	}
	if crossOrigin.Check(r) != nil {
		return fault(http.StatusForbidden, typeInvalid, "cross_origin", "Origin: requests of other sites are refused")
	}
	if s.o.APIKey != "" {
		key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		got, want := sha256.Sum256([]byte(key)), sha256.Sum256([]byte(s.o.APIKey))
		if !ok || subtle.ConstantTimeCompare(got[:], want[:]) == 0 {
			return fault(http.StatusUnauthorized, typeInvalid, "invalid_api_key", "Authorization: not the key that this server was started with")
		}
	}
	return nil
}

// local reports whether a Host header can't be a name that somebody else has made to
// lead here.
func (s *Server) local(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return true
	}
	return name == "localhost" || slices.Contains(s.o.Names, name)
}
