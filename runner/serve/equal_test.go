package serve

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"daybook/engine"
	"daybook/engine/checkpoint"
	"daybook/runner"
	"daybook/runner/talk"
)

const clinical = "../../experiments/clinical/base"

func openBase(t *testing.T) *runner.Base {
	t.Helper()
	base, err := runner.OpenBase(clinical, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return base
}

func load(t *testing.T, base *runner.Base, o talk.Options) *talk.Host {
	t.Helper()
	o.Device, o.Threads, o.Quantization = "cpu", 2, checkpoint.Quantization{Kind: "nf4", DoubleQuant: true}
	h, err := talk.Load(t.Context(), base, o)
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

// random writes an adapter that changes what the base says, but not beyond all words.
func random(t *testing.T, base *runner.Base, seed uint64) Model {
	t.Helper()
	lora := engine.LoRA{Rank: 4 << (seed % 3), Alpha: 16, Targets: []engine.Projection{engine.Q, engine.V, engine.Down}}
	h := engine.NewHostAdapter(base.Shape(), lora, seed)
	r := engine.NewRandom(seed, 0xB)
	for i := range h.Layers {
		for _, b := range h.Layers[i].B {
			for j := range b {
				b[j] = float32(r.Float64()-0.5) / 8
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
	name := fmt.Sprintf("random@v%d", seed)
	return Model{Name: name, Adapter: &runner.NamedAdapter{Name: name, Dir: dir, Digest: digest}}
}

// question is a prompt for a model, and what it is answered alone.
type question struct {
	model, prompt string
	want          string
	finish        string
}

// questions asks every model a few things, one after another, of a host of its own for
// each, as generate does.
func questions(t *testing.T, base *runner.Base, models catalog) []question {
	t.Helper()
	var out []question
	for _, m := range models {
		h := load(t, base, talk.Options{})
		for _, prompt := range []string{
			"Give medications as JSON with name, dose, frequency, route, instructions. Started lisinopril 10 mg PO daily.",
			"Give medications as JSON with name, dose, frequency, route, instructions. metformin 500 mg BID, warfarin 5 mg qhs, hold aspirin.",
			"ä🩺",
		} {
			ask := &talk.Ask{Settings: talk.Settings{MaxTokens: 48}}
			var err error
			if ask.Prompt, err = h.Prompt([]engine.Turn{{Role: "user", Content: prompt}}, &ask.Settings); err != nil {
				t.Fatal(err)
			}
			if err := h.Answer(t.Context(), m.Adapter, ask); err != nil {
				t.Fatal(err)
			}
			out = append(out, question{m.Name, prompt, ask.Text, string(ask.Finish)})
		}
	}
	return out
}

// TestServesWhatGenerateSays asks many adapters at once, whole and as streams, with more
// adapters than are kept, and compares with what each says alone.
func TestServesWhatGenerateSays(t *testing.T) {
	base := openBase(t)
	models := catalog{{Name: BaseName}}
	for seed := range uint64(4) {
		models = append(models, random(t, base, seed+1))
	}
	all := questions(t, base, models)
	said := map[string]bool{}
	for _, q := range all {
		said[q.want] = true
	}
	if len(said) < len(all)*2/3 {
		t.Fatalf("%d answers of %d differ: the test needs adapters that say something of their own", len(said), len(all))
	}
	for _, o := range []talk.Options{{Adapters: 2, Parallel: 1}, {Adapters: 8, Parallel: 4}} {
		r := start(t, Options{Host: load(t, base, o), Models: models, Queue: 2 * len(all)})
		var wait sync.WaitGroup
		for _, q := range all {
			wait.Go(func() {
				_, _, data := r.post(t.Context(), body(q.model, q.prompt, "max_tokens", 48))
				got := decode[reply](t, data)
				if len(got.Choices) != 1 || got.Choices[0].Message.Content != q.want || got.Choices[0].Finish != q.finish {
					t.Errorf("%s: whole: %s, want %q", q.model, data, q.want)
				}
			})
			wait.Go(func() {
				_, _, data := r.post(t.Context(), body(q.model, q.prompt, "max_tokens", 48, "stream", true))
				if text, finish, _ := streamed(t, data); text != q.want || finish != q.finish {
					t.Errorf("%s: streamed: %q, want %q", q.model, text, q.want)
				}
			})
		}
		wait.Wait()
	}
}

// TestSeeds draws with a seed beside other requests.
func TestSeeds(t *testing.T) {
	base := openBase(t)
	r := start(t, Options{Host: load(t, base, talk.Options{Parallel: 4}), Models: catalog{{Name: BaseName}}})
	ask := func(more ...any) string {
		status, _, data := r.post(t.Context(), body(BaseName, "Started lisinopril 10 mg PO daily.", append([]any{"max_tokens", 24}, more...)...))
		if status != 200 {
			t.Errorf("%d %s", status, data)
		}
		return decode[reply](t, data).Choices[0].Message.Content
	}
	want := ask("temperature", 1, "seed", 7)
	var wait sync.WaitGroup
	for i := range 6 {
		wait.Go(func() {
			if got := ask("temperature", 1, "seed", 7); got != want {
				t.Errorf("%q and %q with one seed", got, want)
			}
			if i == 0 && ask("temperature", 1, "seed", 8) == want {
				t.Error("another seed says the same")
			}
			ask("temperature", 1)
		})
	}
	wait.Wait()
	if greedy := ask(); greedy != ask("temperature", 0, "seed", 3) || greedy == want {
		t.Errorf("without a temperature %q, drawn %q", greedy, want)
	}
}

func TestContextOverflow(t *testing.T) {
	base := openBase(t)
	r := start(t, Options{Host: load(t, base, talk.Options{Context: 100}), Models: catalog{{Name: BaseName}}})
	status, _, data := r.post(t.Context(), body(BaseName, strings.Repeat("lisinopril ", 100)))
	if f := faultOf(t, data); status != 400 || value(f.Code) != "context_length_exceeded" || !strings.Contains(f.Message, "of at most 99") {
		t.Errorf("%d %s", status, data)
	}
}
