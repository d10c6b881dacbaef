package model

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"daybook/engine"
	"daybook/engine/model/modeltest"
)

// prompts returns n prompts of different lengths.
func prompts(s engine.Shape, n int) [][]int32 {
	var out [][]int32
	for _, e := range modeltest.Examples(s, 4, n, 1, 20) {
		out = append(out, e.Tokens)
	}
	return out
}

func generate(t *testing.T, m *Model, p [][]int32, o GenerateOptions) [][]int32 {
	t.Helper()
	out, err := m.Generate(t.Context(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestGenerateIsRepeatedForward compares with a model that has no cache and
// reads the whole text again for every token.
func TestGenerateIsRepeatedForward(t *testing.T) {
	m := generating().open(t)
	ps := prompts(m.shape, 4)
	got := generate(t, m, ps, GenerateOptions{MaxNewTokens: 6, BatchSize: 3})
	for i, p := range ps {
		text := slices.Clone(p)
		for range 6 {
			b := &engine.Batch{}
			b.Add(text, nil, 0)
			logits, err := m.Logits(b)
			if err != nil {
				t.Fatal(err)
			}
			text = append(text, argmax(logits[(len(text)-1)*m.shape.Vocab:]))
		}
		if want := text[len(p):]; !slices.Equal(got[i], want) {
			t.Errorf("prompt %d: got %v, want %v", i, got[i], want)
		}
	}
}

func argmax(x []float32) int32 {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return int32(best)
}

func TestGenerateIsIndependentOfBatching(t *testing.T) {
	s := generating()
	m := s.open(t)
	ps := prompts(m.shape, 9)
	o := GenerateOptions{MaxNewTokens: 12, Stop: []int32{3, 14, 15, 92, 65, 35, 8, 9, 79}, BatchSize: 1}
	want := generate(t, m, ps, o)
	short := 0
	for _, a := range want {
		if len(a) < 12 {
			short++
		}
	}
	if short == 0 || short == len(want) {
		t.Fatalf("%d of %d answers stop early: the test needs both kinds", short, len(want))
	}
	for _, size := range []int{2, 4, 8, 0} {
		o.BatchSize = size
		if got := generate(t, m, ps, o); !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("batches of %d: got %v, want %v", size, got, want)
		}
	}
	reversed := slices.Clone(ps)
	slices.Reverse(reversed)
	got := generate(t, m, reversed, o)
	slices.Reverse(got)
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("in reverse: got %v, want %v", got, want)
	}
	s.streamed = true
	if got := generate(t, s.open(t), ps, o); !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("streamed: got %v, want %v", got, want)
	}
}

func TestGenerateStops(t *testing.T) {
	m := generating().open(t)
	p := prompts(m.shape, 1)
	free := generate(t, m, p, GenerateOptions{MaxNewTokens: 8})[0]
	stop := free[4]
	at := slices.Index(free, stop)
	got := generate(t, m, p, GenerateOptions{MaxNewTokens: 8, Stop: []int32{stop}})[0]
	if !slices.Equal(got, free[:at+1]) {
		t.Errorf("got %v, want %v", got, free[:at+1])
	}
}

func TestGenerateEndsWhereTold(t *testing.T) {
	m := generating().open(t)
	p := prompts(m.shape, 2)
	free := generate(t, m, p, GenerateOptions{MaxNewTokens: 8})
	ended := func(answer []int32) bool { return slices.Equal(answer, free[0][:3]) }
	got := generate(t, m, p, GenerateOptions{MaxNewTokens: 8, Ended: ended})
	if !slices.Equal(got[0], free[0][:3]) || !slices.Equal(got[1], free[1]) {
		t.Errorf("got %v, want the first answer cut after 3 tokens, the second whole: %v", got, free)
	}
}

// TestGeneratePicks chooses the most likely token from logits, as greedy decoding
// does on the device, with a backend that moves rows and with one that can't.
func TestGeneratePicks(t *testing.T) {
	s := generating()
	for _, s.unmoving = range []bool{false, true} {
		m := s.open(t)
		p := prompts(m.shape, 5)
		o := GenerateOptions{MaxNewTokens: 8, BatchSize: 3}
		want := generate(t, m, p, o)
		o.Pick = func(_ int, logits []float32) int32 {
			if len(logits) != m.shape.Vocab {
				t.Fatalf("%d logits", len(logits))
			}
			return argmax(logits)
		}
		if got := generate(t, m, p, o); !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("got %v, want %v", got, want)
		}
		o.Pick = func(int, []float32) int32 { return int32(m.shape.Vocab) }
		if _, err := m.Generate(t.Context(), p, o); err == nil {
			t.Error("a token outside the vocabulary is taken")
		}
	}
}

func TestGenerateIsFollowed(t *testing.T) {
	m := generating().open(t)
	p := prompts(m.shape, 4)
	free := generate(t, m, p, GenerateOptions{MaxNewTokens: 8})
	heard := make([][]int32, len(p))
	got := generate(t, m, p, GenerateOptions{MaxNewTokens: 8, BatchSize: 2, Follow: func(prompt int, token int32) bool {
		heard[prompt] = append(heard[prompt], token)
		return len(heard[prompt]) == prompt+2
	}})
	for i := range p {
		if want := free[i][:i+2]; !slices.Equal(got[i], want) || !slices.Equal(heard[i], want) {
			t.Errorf("prompt %d: got %v, heard %v, want %v", i, got[i], heard[i], want)
		}
	}
}

func TestGenerateEndsWithTheContext(t *testing.T) {
	s := generating()
	s.shape.MaxPositions = 16
	s.weights.Shape = s.shape
	m := s.open(t)
	p := [][]int32{{1, 2, 3}, nil, {4, 5, 6, 7, 8, 9, 10}}
	p[1] = slices.Repeat([]int32{5}, 15)
	got := generate(t, m, p, GenerateOptions{MaxNewTokens: 50, BatchSize: 2})
	for i := range p {
		if want := 16 - len(p[i]); len(got[i]) != want {
			t.Errorf("prompt of %d: %d new tokens, want %d", len(p[i]), len(got[i]), want)
		}
	}
}

func TestGenerateReportsProgress(t *testing.T) {
	m := generating().open(t)
	var seen []int
	o := GenerateOptions{MaxNewTokens: 3, BatchSize: 2, Progress: func(done, total int) {
		if total != 5 {
			t.Errorf("total %d", total)
		}
		seen = append(seen, done)
	}}
	generate(t, m, prompts(m.shape, 5), o)
	if !slices.Equal(seen, []int{1, 2, 3, 4, 5}) {
		t.Errorf("progress %v", seen)
	}
}

func TestGenerateErrors(t *testing.T) {
	s := generating()
	m := s.open(t)
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name    string
		ctx     context.Context
		prompts [][]int32
		o       GenerateOptions
		is      error
		want    string
	}{
		{"empty prompt", t.Context(), [][]int32{{1}, {}}, GenerateOptions{MaxNewTokens: 1}, nil, "prompt 1: empty"},
		{"long prompt", t.Context(), [][]int32{make([]int32, 97)}, GenerateOptions{MaxNewTokens: 1}, ErrContext, "prompt 0: 97 tokens, of at most 96"},
		{"nothing to make", t.Context(), [][]int32{{1}}, GenerateOptions{}, nil, "0 new tokens"},
		{"cancelled", stopped, [][]int32{{1}}, GenerateOptions{MaxNewTokens: 1}, context.Canceled, "0 of 1 answers"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := m.Generate(tt.ctx, tt.prompts, tt.o)
			if err == nil || !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if got, err := m.Generate(t.Context(), nil, GenerateOptions{MaxNewTokens: 1}); err != nil || len(got) != 0 {
		t.Errorf("no prompts: %v, %v", got, err)
	}
}

func TestEvaluateIsIndependentOfBatching(t *testing.T) {
	s := generating()
	examples := modeltest.Examples(s.shape, 1, 9, 2, 30)
	want, err := s.open(t).Evaluate(t.Context(), examples, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.o.MaxTokens, s.o.MaxDocuments = 30, 2
	var seen []int
	got, err := s.open(t).Evaluate(t.Context(), examples, func(done, _ int) { seen = append(seen, done) })
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if len(seen) < 5 || seen[len(seen)-1] != 9 {
		t.Errorf("progress %v", seen)
	}
	for i, s := range want {
		if s.Targets != examples[i].TargetCount() || s.NLL <= 0 || s.Hits > s.Targets {
			t.Errorf("example %d: %+v", i, s)
		}
	}
}
