package serve

import (
	"bytes"
	"context"
	"net/http"

	"daybook/runner/talk"
)

// completion is an answer on its way to a client.
type completion struct {
	*ticket
	model       string // as the request has it
	id          string
	created     int64
	fingerprint string
}

// usage counts tokens.
type usage struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
	Total      int `json:"total_tokens"`
}

func (c *completion) usage() usage {
	return usage{len(c.Prompt), c.Tokens, len(c.Prompt) + c.Tokens}
}

// message is an answer, or a part of one.
type message struct {
	Role    string  `json:"role,omitempty"`
	Content *string `json:"content,omitempty"`
	Refusal *string `json:"refusal"`
}

// part is all but the choices and the usage of an answer.
type head struct {
	ID          string `json:"id"`
	Object      string `json:"object"`
	Created     int64  `json:"created"`
	Model       string `json:"model"`
	Fingerprint string `json:"system_fingerprint"`
}

func (c *completion) head(object string) head {
	return head{c.id, object, c.created, c.model, c.fingerprint}
}

// whole is the answer at once.
func (c *completion) whole() any {
	type choice struct {
		Index    int         `json:"index"`
		Message  message     `json:"message"`
		Logprobs any         `json:"logprobs"`
		Finish   talk.Finish `json:"finish_reason"`
	}
	return struct {
		head
		Choices []choice `json:"choices"`
		Usage   usage    `json:"usage"`
	}{c.head("chat.completion"), []choice{{Message: message{Role: "assistant", Content: &c.Text}, Finish: c.Finish}}, c.usage()}
}

// delta is a choice of a chunk.
type delta struct {
	Index    int          `json:"index"`
	Delta    any          `json:"delta"`
	Logprobs any          `json:"logprobs"`
	Finish   *talk.Finish `json:"finish_reason"`
}

// chunk is an event of a stream. Usage is absent unless the client asked for it, and
// then null but in the last.
func (c *completion) chunk(choices []delta, usage any, withUsage bool) []byte {
	part := struct {
		head
		Choices []delta `json:"choices"`
	}{c.head("chat.completion.chunk"), choices}
	if !withUsage {
		return marshal(part)
	}
	return marshal(struct {
		head
		Choices []delta `json:"choices"`
		Usage   any     `json:"usage"`
	}{part.head, part.Choices, usage})
}

// stream sends a completion as server-sent events.
type stream struct {
	*completion
	server    *Server
	w         http.ResponseWriter
	withUsage bool
	begun     bool
}

// event sends one event, the first with the headers. A client that doesn't read ends
// the request.
func (st *stream) event(data []byte) error {
	if !st.begun {
		h := st.w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("Cache-Control", "no-cache")
		st.w.WriteHeader(http.StatusOK)
		st.begun = true
	}
	control := http.NewResponseController(st.w)
	_ = control.SetWriteDeadline(st.server.deadline()) // a recorder in tests has none
	if _, err := st.w.Write(bytes.Join([][]byte{[]byte("data: "), data, []byte("\n\n")}, nil)); err != nil {
		return err
	}
	return control.Flush()
}

// text sends a piece of the answer; the first comes behind one that says whose it is.
func (st *stream) text(text string) error {
	if !st.begun {
		empty := ""
		first := message{Role: "assistant", Content: &empty}
		if err := st.event(st.chunk([]delta{{Delta: first}}, nil, st.withUsage)); err != nil {
			return err
		}
	}
	if text == "" {
		return nil
	}
	return st.event(st.chunk([]delta{{Delta: map[string]string{"content": text}}}, nil, st.withUsage))
}

// end sends what comes behind the answer.
func (st *stream) end() error {
	err := st.event(st.chunk([]delta{{Delta: struct{}{}, Finish: &st.Finish}}, nil, st.withUsage))
	if err == nil && st.withUsage {
		err = st.event(st.chunk([]delta{}, st.usage(), true))
	}
	if err == nil {
		err = st.event([]byte("[DONE]"))
	}
	return err
}

// sendStream sends the answer as it comes. A fault before its first token is the
// answer's status; a later one is an event.
func (s *Server) sendStream(ctx context.Context, w http.ResponseWriter, r *http.Request, e *entry, c *completion, withUsage bool) *Fault {
	st := &stream{completion: c, server: s, w: w, withUsage: withUsage}
	for {
		select {
		case <-c.feed.news:
			if st.text(c.feed.take()) != nil {
				e.note = "client_closed_request"
				return nil
			}
			continue
		case <-c.done:
		case <-ctx.Done():
		}
		break
	}
	f := s.await(ctx, r, c.ticket)
	if f != nil && !st.begun {
		return f
	}
	if f != nil {
		e.note = *f.Code
		_ = st.event(f.body()) // the client may be gone
		return nil
	}
	e.answer = c.Tokens
	err := st.text(c.feed.take())
	if err == nil {
		err = st.end()
	}
	if err != nil {
		e.note = "client_closed_request"
	}
	return nil
}
