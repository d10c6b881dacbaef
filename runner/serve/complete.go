package serve

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"daybook/engine"
	"daybook/engine/model"
	"daybook/runner"
	"daybook/runner/talk"
)

// Prompter makes prompts and tells which adapters can answer them; see talk.Host.
type Prompter interface {
	Prompt(turns []engine.Turn, s *talk.Settings) ([]int32, error)
	Check(a *runner.NamedAdapter) error
}

// complete answers POST /v1/chat/completions.
func (s *Server) complete(w http.ResponseWriter, r *http.Request, e *entry) *Fault {
	if f := s.unavailable(); f != nil {
		w.Header().Set("Connection", "close")
		return f
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.o.Timeout)
	defer cancel()
	q, f := s.readRequest(w, r)
	if f != nil {
		return f
	}
	m, f := s.find(ctx, q.model)
	if f != nil {
		return f
	}
	e.model = m.Name
	t := &ticket{
		Ask:     talk.Ask{Context: ctx, Settings: q.settings},
		adapter: m.Adapter, seeded: q.seeded, feed: newFeed(), done: make(chan struct{}),
	}
	if t.Sampled() && !q.seeded {
		var seed [8]byte
		_, _ = rand.Read(seed[:]) // never fails
		t.Seed = binary.LittleEndian.Uint64(seed[:])
	}
	var err error
	if t.Prompt, err = s.o.Host.Prompt(q.turns, &t.Settings); err != nil {
		return s.badPrompt(err)
	}
	e.prompt = len(t.Prompt)
	t.Hear = t.feed.put
	if !s.queue.push(t) {
		f := fault(http.StatusTooManyRequests, typeServer, "queue_full", "%d requests are waiting already; try again later", s.o.Queue)
		f.RetryAfter = time.Second
		return f
	}
	defer s.queue.leave(t)
	c := &completion{ticket: t, model: q.model, id: newID(), created: s.o.Now().Unix(), fingerprint: s.fingerprint(m)}
	if q.stream {
		return s.sendStream(ctx, w, r, e, c, q.usage)
	}
	if f := s.await(ctx, r, t); f != nil {
		return f
	}
	e.answer = t.Tokens
	sendJSON(w, http.StatusOK, marshal(c.whole()))
	return nil
}

// readRequest reads a body in the time that a client has for it.
func (s *Server) readRequest(w http.ResponseWriter, r *http.Request) (*request, *Fault) {
	// What browsers send without asking first can't have this type.
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, fault(http.StatusUnsupportedMediaType, typeInvalid, "unsupported_media_type", "Content-Type: want application/json")
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(s.deadline()) // a recorder in tests has none
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.o.MaxBody))
	_ = control.SetReadDeadline(time.Time{})
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, fault(http.StatusRequestEntityTooLarge, typeInvalid, "body_too_large", "the body has more than %d bytes", s.o.MaxBody)
	}
	if err != nil {
		return nil, fault(http.StatusBadRequest, typeInvalid, "incomplete_body", "the body could not be read to its end")
	}
	return parseRequest(body)
}

// deadline is until when a client may take over one read or write. It is by the
// system's clock, as deadlines are.
func (s *Server) deadline() time.Time { return time.Now().Add(s.o.Patience) }

// find returns the model that a request names, if it can answer here.
func (s *Server) find(ctx context.Context, name string) (Model, *Fault) {
	m, err := s.o.Models.Find(ctx, name)
	switch {
	case errors.Is(err, ErrUnknown):
		return m, s.unknown(ctx, name)
	case err != nil:
		s.o.Log("model: " + hinted(err))
		return m, internal()
	case m.Adapter == nil:
		return m, nil
	}
	if err := s.o.Host.Check(m.Adapter); err != nil {
		return m, invalid("model", "%s", hinted(err))
	}
	return m, nil
}

// unknown says which models there are.
func (s *Server) unknown(ctx context.Context, name string) *Fault {
	list, err := s.o.Models.List(ctx)
	if err != nil {
		s.o.Log("models: " + hinted(err))
		return internal()
	}
	names := make([]string, len(list))
	for i, m := range list {
		names[i] = m.Name
	}
	f := fault(http.StatusNotFound, typeInvalid, "model_not_found", "model: no model is called %q; there are %s", name, strings.Join(names, ", "))
	param := "model"
	f.Param = &param
	return f
}

// badPrompt tells why a conversation can't be answered.
func (s *Server) badPrompt(err error) *Fault {
	text := hinted(err)
	if s.o.Folder != "" {
		text = strings.ReplaceAll(text, s.o.Folder+string(filepath.Separator), "")
	}
	f := invalid("messages", "%s", text)
	if errors.Is(err, model.ErrContext) {
		code := "context_length_exceeded"
		f.Code = &code
	}
	return f
}

func hinted(err error) string {
	if hint := runner.HintOf(err); hint != "" {
		return err.Error() + "; " + hint
	}
	return err.Error()
}

// await waits until t is complete.
func (s *Server) await(ctx context.Context, r *http.Request, t *ticket) *Fault {
	select {
	case <-t.done:
		if t.fault == nil && t.Finish == talk.Cancelled {
			return s.late(r)
		}
		return t.fault
	case <-ctx.Done():
		return s.late(r)
	}
}

// statusGone is what is logged of a client that went away (nginx's 499).
const statusGone = 499

// late is a request whose time is over, or whose client went away.
func (s *Server) late(r *http.Request) *Fault {
	if r.Context().Err() != nil {
		return fault(statusGone, typeInvalid, "client_closed_request", "the client went away")
	}
	return fault(http.StatusGatewayTimeout, typeServer, "timeout", "there was no answer within %s", s.o.Timeout)
}

func newID() string {
	var id [12]byte
	_, _ = rand.Read(id[:]) // never fails
	return "chatcmpl-" + hex.EncodeToString(id[:])
}

// fingerprint identifies what answers.
func (s *Server) fingerprint(m Model) string {
	digest := s.o.Base
	if m.Adapter != nil {
		digest = m.Adapter.Digest
	}
	if len(digest) > 12 {
		digest = digest[:12]
	}
	return "fp_" + digest
}

func marshal(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic("serve: " + err.Error()) // texts and numbers always marshal
	}
	return data
}
