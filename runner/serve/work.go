package serve

import (
	"context"
	"errors"

	"daybook/engine"
	"daybook/runner/talk"
)

// work answers tickets until ctx is done.
func (s *Server) work(ctx context.Context) {
	for {
		group := s.queue.next(ctx, s.o.Host.Parallel())
		if group == nil {
			return
		}
		s.answer(ctx, group)
	}
}

// answer answers the tickets of one lane. Whatever happens, all of them are done then.
func (s *Server) answer(ctx context.Context, group []*ticket) {
	var failed *Fault
	defer func() {
		if p := recover(); p != nil {
			s.o.Log(panicNote(p))
			failed = internal()
			if err := s.o.Host.Abandon(); err != nil {
				s.o.Log("device: " + err.Error())
			}
		}
		for _, t := range group {
			if t.Finish == "" {
				t.fault = failed
			}
			close(t.done)
		}
	}()
	if s.lost.Load() {
		failed = s.unavailable()
		return
	}
	var asks []*talk.Ask
	for _, t := range group {
		if t.Context.Err() != nil {
			t.Finish = talk.Cancelled
			continue
		}
		asks = append(asks, &t.Ask)
	}
	if err := s.o.Host.Answer(ctx, group[0].adapter, asks...); err != nil {
		failed = s.failure(err)
	}
}

// failure is what clients hear of an error of the engine's, which the log has whole:
// it knows tensors and folders, but no text.
func (s *Server) failure(err error) *Fault {
	if errors.Is(err, context.Canceled) {
		return shuttingDown()
	}
	s.o.Log("answer: " + hinted(err))
	if errors.Is(err, engine.ErrDeviceLost) {
		s.lost.Store(true)
		return s.unavailable()
	}
	return internal()
}
