package talk

import (
	"errors"
	"testing"

	"daybook/engine"
	"daybook/engine/model"
	"daybook/runner"
)

// small is a backend with so many bytes left beside the base.
type small struct {
	engine.Backend
	left int64
}

func (s *small) Available() (int64, error) { return s.left, nil }

// TestMemory asks for more than a device has memory for: it is refused before anything
// is taken, and what fits is answered afterwards.
func TestMemory(t *testing.T) {
	h := load(t, openBase(t, clinical), Options{})
	s := &small{Backend: h.backend}
	h.backend = s
	want := func(fits bool, left int64) {
		t.Helper()
		s.left = left
		a := ask(t, h, "Started metformin 500 mg BID.", Settings{MaxTokens: 2})
		err := h.Answer(t.Context(), nil, a)
		var short *model.MemoryError
		if fits && err != nil || !fits && (!errors.As(err, &short) || runner.HintOf(err) == short.Hint()) {
			t.Errorf("with %d bytes: %v", left, err)
		}
	}
	d, err := runner.BaseDemand(s, h.base, h.o.Quantization, false)
	if err != nil {
		t.Fatal(err)
	}
	d.Options = h.options(room{tokens: min(firstTokens, h.o.Context)})
	d.Options.Slots, d.Options.Positions = 1, d.Options.MaxTokens
	need := d.Memory(s, d.Asked()).Device() - h.source.Bytes()
	want(false, need-1)
	if h.model != nil {
		t.Error("a model that doesn't fit was made")
	}
	want(true, need)

	h.source = nil
	if err := h.load(t.Context()); err == nil || h.source != nil {
		t.Errorf("loaded a base that doesn't fit: %v", err)
	}
}
