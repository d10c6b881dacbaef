package talk

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"daybook/engine"
	"daybook/engine/checkpoint"
	"daybook/engine/model"
	"daybook/runner"
	"daybook/runner/runnertest"
)

const clinical = "../../experiments/clinical/base"

func openBase(t *testing.T, dir string) *runner.Base {
	t.Helper()
	base, err := runner.OpenBase(dir, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return base
}

func load(t *testing.T, base *runner.Base, o Options) *Host {
	t.Helper()
	o.Device, o.Threads, o.Quantization = "cpu", 2, checkpoint.Quantization{Kind: "nf4", DoubleQuant: true}
	h, err := Load(t.Context(), base, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// adapter writes an adapter of random values, large enough to change what is said.
func adapter(t *testing.T, base *runner.Base, seed uint64, rank int, targets ...engine.Projection) *runner.NamedAdapter {
	t.Helper()
	if len(targets) == 0 {
		for p := range engine.NumProjections {
			targets = append(targets, p)
		}
	}
	h := engine.NewHostAdapter(base.Shape(), engine.LoRA{Rank: rank, Alpha: float64(2 * rank), Targets: targets}, seed)
	r := engine.NewRandom(seed, 0xB)
	for i := range h.Layers {
		for _, b := range h.Layers[i].B {
			for j := range b {
				b[j] = float32(r.Float64()-0.5) * 2
			}
		}
	}
	dir := t.TempDir()
	if err := checkpoint.WriteAdapter(dir, h, checkpoint.AdapterInfo{BaseModel: "base"}); err != nil {
		t.Fatal(err)
	}
	digest, err := runner.AdapterIn(dir)
	if err != nil {
		t.Fatal(err)
	}
	return &runner.NamedAdapter{Name: fmt.Sprintf("random@v%d", seed), Dir: dir, Digest: digest}
}

func ask(t *testing.T, h *Host, prompt string, s Settings) *Ask {
	t.Helper()
	a := &Ask{Settings: s}
	var err error
	if a.Prompt, err = h.Prompt([]engine.Turn{{Role: "user", Content: prompt}}, &a.Settings); err != nil {
		t.Fatal(err)
	}
	return a
}

func answer(t *testing.T, h *Host, a *runner.NamedAdapter, asks ...*Ask) {
	t.Helper()
	if err := h.Answer(t.Context(), a, asks...); err != nil {
		t.Fatal(err)
	}
}

// TestAnswerIsGenerate compares with a model of its own that generates everything at
// once, and whose tokens are turned into text at the end.
func TestAnswerIsGenerate(t *testing.T) {
	base := openBase(t, clinical)
	a := adapter(t, base, 1, 8)
	h := load(t, base, Options{Parallel: 3})
	values, err := checkpoint.ReadAdapter(a.Dir, base.Shape())
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(h.backend, h.source, model.Options{MaxTokens: 512, MaxDocuments: 1, LoRA: &values.LoRA})
	if err != nil {
		t.Fatal(err)
	}
	on, err := m.NewAdapter(values)
	if err != nil {
		t.Fatal(err)
	}
	questions := []string{"Started lisinopril 10 mg PO daily.", "Ä 🩺", "metformin 500 mg twice a day, stop aspirin", "x"}
	for _, use := range []*runner.NamedAdapter{nil, a} {
		if m.Use(nil); use != nil {
			m.Use(on)
		}
		var asks []*Ask
		var heard []string
		for i, q := range questions {
			heard = append(heard, "")
			one := ask(t, h, q, Settings{MaxTokens: 20 + 7*i})
			one.Hear = func(text string) { heard[i] += text }
			asks = append(asks, one)
		}
		answer(t, h, use, asks...)
		for i, one := range asks {
			tokens, err := m.Generate(t.Context(), [][]int32{one.Prompt}, model.GenerateOptions{MaxNewTokens: one.MaxTokens, Ended: base.Encoder.Ended})
			if err != nil {
				t.Fatal(err)
			}
			if want := base.Encoder.Text(tokens[0]); one.Text != want || heard[i] != want || one.Tokens != len(tokens[0]) {
				t.Errorf("%q: got %q in %d tokens, heard %q, want %q in %d", questions[i], one.Text, one.Tokens, heard[i], want, len(tokens[0]))
			}
			want := TooLong
			if base.Encoder.Ended(tokens[0]) {
				want = Stopped
			}
			if one.Finish != want {
				t.Errorf("%q: finish %q, want %q", questions[i], one.Finish, want)
			}
		}
	}
}

// TestAdaptersTakeTurns switches between more adapters than are kept, of different
// ranks and targets, and finds the answers that each gives alone.
func TestAdaptersTakeTurns(t *testing.T) {
	dir := t.TempDir()
	if err := runnertest.WriteBase(dir); err != nil {
		t.Fatal(err)
	}
	base := openBase(t, dir)
	adapters := []*runner.NamedAdapter{
		nil, adapter(t, base, 1, 4), adapter(t, base, 2, 16), adapter(t, base, 3, 4, engine.Q, engine.V), adapter(t, base, 4, 32, engine.Down), adapter(t, base, 5, 8),
	}
	want := make([]string, len(adapters))
	for i, a := range adapters {
		one := ask(t, load(t, base, Options{}), "which one", Settings{MaxTokens: 12})
		answer(t, load(t, base, Options{}), a, one)
		if want[i] = one.Text; slices.Contains(want[:i], want[i]) {
			t.Fatalf("adapter %d says %q, as another does: the test needs them to differ", i, want[i])
		}
	}
	h := load(t, base, Options{Adapters: 2})
	for _, i := range []int{1, 0, 2, 1, 3, 4, 1, 5, 5, 0, 2, 3, 1} {
		one := ask(t, h, "which one", Settings{MaxTokens: 12})
		answer(t, h, adapters[i], one)
		if one.Text != want[i] {
			t.Errorf("adapter %d says %q, alone %q", i, one.Text, want[i])
		}
		if len(h.held) > 2 {
			t.Fatalf("%d adapters are kept", len(h.held))
		}
		if adapters[i] != nil && h.held[len(h.held)-1].digest != adapters[i].Digest {
			t.Error("the adapter used last would go first")
		}
	}
}

func TestRoomGrows(t *testing.T) {
	dir := t.TempDir()
	if err := runnertest.WriteBase(dir); err != nil {
		t.Fatal(err)
	}
	base := openBase(t, dir)
	h := load(t, base, Options{Context: 900})
	long := strings.Repeat("x", 700) // a token a byte
	want := ask(t, h, long, Settings{MaxTokens: 5})
	answer(t, h, nil, want)
	h.room.tokens = 0
	if err := h.unload(); err != nil {
		t.Fatal(err)
	}
	h.o.Context = 64
	short := ask(t, h, "y", Settings{MaxTokens: 5})
	answer(t, h, nil, short)
	if h.room.tokens != 64 {
		t.Fatalf("room for %d tokens, want 64", h.room.tokens)
	}
	h.o.Context = 900
	got := ask(t, h, long, Settings{MaxTokens: 5})
	answer(t, h, nil, got)
	if got.Text != want.Text || h.room.tokens < 700 {
		t.Errorf("got %q in room for %d tokens, want %q", got.Text, h.room.tokens, want.Text)
	}
}

func TestContextIsLimited(t *testing.T) {
	base := openBase(t, clinical)
	h := load(t, base, Options{Context: 60})
	one := ask(t, h, "Started lisinopril 10 mg PO daily.", Settings{MaxTokens: 1000})
	if one.MaxTokens != 60-len(one.Prompt) {
		t.Errorf("%d tokens may follow a prompt of %d", one.MaxTokens, len(one.Prompt))
	}
	s := &Settings{}
	_, err := h.Prompt([]engine.Turn{{Role: "user", Content: strings.Repeat("lisinopril ", 100)}}, s)
	if !errors.Is(err, model.ErrContext) || runner.HintOf(err) == "" {
		t.Errorf("a long prompt: %v", err)
	}
	if _, err := h.Prompt([]engine.Turn{{Role: "assistant", Content: "x"}}, s); err == nil {
		t.Error("a conversation that ends with an answer is answered")
	}
}

func TestStopsAndSamples(t *testing.T) {
	base := openBase(t, clinical)
	h := load(t, base, Options{Parallel: 2})
	const question = "Give medications as JSON with name, dose, frequency, route, instructions. Started lisinopril 10 mg PO daily."
	free := ask(t, h, question, Settings{MaxTokens: 40})
	answer(t, h, nil, free)
	stop := free.Text[len(free.Text)/2:][:3]
	cut := ask(t, h, question, Settings{MaxTokens: 40, Stops: []string{"never said", stop}})
	answer(t, h, nil, cut)
	if want, _, _ := strings.Cut(free.Text, stop); cut.Text != want || cut.Finish != Stopped || cut.Tokens >= free.Tokens {
		t.Errorf("got %q in %d tokens, want %q", cut.Text, cut.Tokens, want)
	}
	drawn := func(seed uint64) string {
		one := ask(t, h, question, Settings{MaxTokens: 40, Temperature: 1.5, TopP: 0.95, Seed: seed})
		answer(t, h, nil, one)
		return one.Text
	}
	if a, b := drawn(1), drawn(1); a != b {
		t.Errorf("the same seed says %q and %q", a, b)
	}
	if a, b := drawn(1), drawn(2); a == b || a == free.Text {
		t.Errorf("seeds 1 and 2 say %q and %q", a, b)
	}
	if err := h.Answer(t.Context(), nil, free, ask(t, h, "x", Settings{Temperature: 1})); err == nil {
		t.Error("sampled and greedy asks are answered together")
	}
}

func TestCancelled(t *testing.T) {
	base := openBase(t, clinical)
	h := load(t, base, Options{Parallel: 2})
	ctx, cancel := context.WithCancel(t.Context())
	gone, stays := ask(t, h, "a", Settings{MaxTokens: 30}), ask(t, h, "b", Settings{MaxTokens: 30})
	alone := ask(t, h, "b", Settings{MaxTokens: 30})
	answer(t, h, nil, alone)
	gone.Context = ctx
	heard := 0
	gone.Hear = func(string) {
		if heard++; heard == 3 {
			cancel()
		}
	}
	answer(t, h, nil, gone, stays)
	if gone.Finish != Cancelled || gone.Tokens > 10 {
		t.Errorf("%q after %d tokens", gone.Finish, gone.Tokens)
	}
	if stays.Text != alone.Text || stays.Finish != alone.Finish {
		t.Errorf("beside one that is cancelled: %q, alone %q", stays.Text, alone.Text)
	}
	if err := h.Answer(ctx, nil, ask(t, h, "c", Settings{})); !errors.Is(err, context.Canceled) {
		t.Errorf("all cancelled: %v", err)
	}
	again := ask(t, h, "b", Settings{MaxTokens: 30})
	if answer(t, h, nil, again); again.Text != alone.Text {
		t.Errorf("afterwards: %q", again.Text)
	}
}

// TestForeignAdapters are refused: of another base, quantized otherwise, changed, or of
// another shape.
func TestForeignAdapters(t *testing.T) {
	base := openBase(t, clinical)
	h := load(t, base, Options{})
	about := func(quantization, digest string) *runner.Metadata {
		in := base.Inputs()
		m := &runner.Metadata{Base: runner.MetadataBase{Digest: in.Base, Tokenizer: in.Tokenizer, Template: in.Template, Quantization: quantization}}
		if digest != "" {
			m.Base.Digest = digest
		}
		return m
	}
	a := adapter(t, base, 1, 4)
	for _, tt := range []struct {
		name  string
		about *runner.Metadata
		want  string
	}{
		{"another base", about("nf4-double", strings.Repeat("0", 64)), "was trained on something else"},
		{"held otherwise", about("none", ""), "as none, which is loaded as nf4-double"},
	} {
		a.About = tt.about
		for _, err := range []error{h.Check(a), h.Answer(t.Context(), a, ask(t, h, "x", Settings{}))} {
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
			}
		}
	}
	h.o.Requantized = true
	if err := h.Check(a); err != nil {
		t.Errorf("held as asked for: %v", err)
	}
	a.About = about("nf4-double", "")
	if err := h.Check(a); err != nil {
		t.Errorf("the same base: %v", err)
	}
	a.Digest = strings.Repeat("1", 64)
	if err := h.Answer(t.Context(), a, ask(t, h, "x", Settings{})); err == nil || !strings.Contains(err.Error(), "was changed") {
		t.Errorf("a folder with something else: %v", err)
	}
	dir := filepath.Join(t.TempDir(), "other")
	if err := runnertest.WriteBase(dir); err != nil {
		t.Fatal(err)
	}
	other := adapter(t, openBase(t, dir), 1, 4)
	if err := h.Answer(t.Context(), other, ask(t, h, "x", Settings{})); err == nil {
		t.Error("an adapter of another shape answers")
	}
	one := ask(t, h, "x", Settings{MaxTokens: 3})
	if answer(t, h, nil, one); one.Tokens == 0 {
		t.Error("the host is of no use any more")
	}
}
