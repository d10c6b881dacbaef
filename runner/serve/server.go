package serve

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"daybook/runner"
	"daybook/runner/talk"
)

// Model is what a request can name.
type Model struct {
	Name    string
	Of      string // what an alias stands for; "" for a name of its own
	Created time.Time
	Adapter *runner.NamedAdapter // nil for the base
}

// Models finds what requests name. It is asked again for every request.
type Models interface {
	// List returns all models that the base at hand can answer as, the base first.
	List(ctx context.Context) ([]Model, error)
	// Find returns the model called name. The error wraps ErrUnknown if there is none.
	Find(ctx context.Context, name string) (Model, error)
}

// ErrUnknown reports a name that no model has.
var ErrUnknown = errors.New("no such model")

// Answerer is what a server needs of a talk.Host.
type Answerer interface {
	Prompter
	Answer(ctx context.Context, a *runner.NamedAdapter, asks ...*talk.Ask) error
	Abandon() error
	Parallel() int
}

// Options configure a Server.
type Options struct {
	Models   Models
	Host     Answerer
	Base     string        // digest, which answers of the base are marked with
	Folder   string        // of the chat template, which clients are not told
	Queue    int           // requests that may wait
	Timeout  time.Duration // of a request, waiting included
	MaxBody  int64         // bytes
	Names    []string      // that Host may have beside localhost and addresses
	APIKey   string        // that requests must bring; "" asks for none
	Now      func() time.Time
	Log      func(line string) // hears of every request
	Patience time.Duration     // for a client to read what it is sent; 0 means 30 s
}

// Server answers requests. Make one with New.
type Server struct {
	o       Options
	queue   *queue
	lost    atomic.Bool // the device failed, and can't be used any more
	closing atomic.Bool
}

// New returns a server that is not yet serving.
func New(o Options) *Server {
	if o.Patience == 0 {
		o.Patience = 30 * time.Second
	}
	return &Server{o: o, queue: newQueue(o.Queue)}
}

// Serve answers requests from l until ctx is done. Then it takes no more, completes
// those that it has, and returns nil; the error is about the listener.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	device, stop := context.WithCancel(context.Background())
	idle := make(chan struct{})
	go func() {
		defer close(idle)
		s.work(device)
	}()
	defer func() {
		stop()
		<-idle
	}()
	h := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: s.o.Patience, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: log.New(io.Discard, "", 0), // it could quote what a client sent
	}
	failed := make(chan error, 1)
	go func() { failed <- h.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.closing.Store(true)
	// Every request ends by its own timeout, so that draining does, too.
	drain, cancel := context.WithTimeout(context.Background(), s.o.Timeout+s.o.Patience)
	defer cancel()
	if h.Shutdown(drain) != nil {
		return h.Close()
	}
	return nil
}

// Handler returns the interface without a listener. Requests are answered only while
// Serve runs.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for path, f := range map[string]func(http.ResponseWriter, *http.Request, *entry) *Fault{
		"POST /v1/chat/completions": s.complete,
		"GET /v1/models":            s.listModels,
		"GET /v1/models/{name}":     s.describeModel,
		"GET /health":               s.health,
	} {
		mux.Handle(path, s.endpoint(path, f))
	}
	for path, want := range map[string]string{"/v1/chat/completions": "POST", "/v1/models": "GET", "/v1/models/{name}": "GET", "/health": "GET"} {
		mux.Handle(path, s.endpoint(path, func(w http.ResponseWriter, _ *http.Request, _ *entry) *Fault {
			w.Header().Set("Allow", want)
			return fault(http.StatusMethodNotAllowed, typeInvalid, "method_not_allowed", "use %s here", want)
		}))
	}
	mux.Handle("/", s.endpoint("-", func(http.ResponseWriter, *http.Request, *entry) *Fault {
		return fault(http.StatusNotFound, typeInvalid, "unknown_endpoint", "no such endpoint; there are POST /v1/chat/completions, GET /v1/models and GET /health")
	}))
	return mux
}

// health says whether requests can be answered.
func (s *Server) health(w http.ResponseWriter, _ *http.Request, _ *entry) *Fault {
	if f := s.unavailable(); f != nil {
		return f
	}
	sendJSON(w, http.StatusOK, marshal(map[string]any{"status": "ok", "waiting": s.queue.waiting()}))
	return nil
}

// unavailable says why no request can be answered, nil if they can.
func (s *Server) unavailable() *Fault {
	switch {
	case s.closing.Load():
		return shuttingDown()
	case s.lost.Load():
		return fault(http.StatusServiceUnavailable, typeServer, "device_failed", "the device failed; the server has to be started again")
	}
	return nil
}

func shuttingDown() *Fault {
	return fault(http.StatusServiceUnavailable, typeServer, "shutting_down", "the server is shutting down")
}
