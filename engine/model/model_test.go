package model

import (
	"math"
	"strings"
	"testing"

	"daybook/engine"
	"daybook/engine/cpu"
	"daybook/engine/model/modeltest"
)

var drop = engine.Dropout{P: 0.1, Seed: 5, Step: 7}

func TestMemorySettingsChangeNoBit(t *testing.T) {
	s := training()
	b := batch(modeltest.Examples(s.shape, 1, 5, 6, 18))
	wantLoss, want := backward(t, s.open(t), drop, b)
	for _, s.o.Checkpointing = range kinds {
		for _, s.o.HostInputs = range []bool{false, true} {
			m := s.open(t)
			for range 2 { // buffers that take turns must be as good the second time
				if err := m.Trained().zero(); err != nil {
					t.Fatal(err)
				}
				loss, got := backward(t, m, drop, b)
				if loss[0] != wantLoss[0] {
					t.Errorf("%s, host inputs %t: loss %v, want %v", s.o.Checkpointing, s.o.HostInputs, loss[0], wantLoss[0])
				}
				identical(t, got, want)
			}
		}
	}
}

func TestCheckpointingLowersTheArena(t *testing.T) {
	s := training()
	be := open(t, s.shape, 1)
	all := be.Size(Plan(be, s.shape, s.o))
	s.o.Checkpointing = engine.CheckpointSelective
	some := be.Size(Plan(be, s.shape, s.o))
	s.o.Checkpointing = engine.CheckpointFull
	one := be.Size(Plan(be, s.shape, s.o))
	// Of three layers' activations, which dominate the arena, two go, or the larger
	// part of two.
	if one >= all*6/10 || some >= all*8/10 || one >= some {
		t.Errorf("%d bytes with full checkpointing, %d with selective, %d without", one, some, all)
	}
}

func TestStreamedIsResident(t *testing.T) {
	for _, checkpointing := range []engine.Checkpointing{"", engine.CheckpointSelective, engine.CheckpointFull} {
		s := training()
		s.o.Checkpointing = checkpointing
		b := batch(modeltest.Examples(s.shape, 1, 5, 6, 18))
		wantLoss, want := backward(t, s.open(t), drop, b)
		s.streamed = true
		m := s.open(t)
		loss, got := backward(t, m, drop, b)
		if loss[0] != wantLoss[0] {
			t.Errorf("loss %v, want %v", loss[0], wantLoss[0])
		}
		identical(t, got, want)
	}
}

func TestAccumulatedIsOneLargeBatch(t *testing.T) {
	s := training()
	examples := modeltest.Examples(s.shape, 1, 5, 6, 18)
	_, want := backward(t, s.open(t), drop, batch(examples))
	losses, got := backward(t, s.open(t), drop, batch(examples[:3]), batch(examples[3:]))
	if len(losses) != 2 {
		t.Fatalf("%d losses, want 2", len(losses))
	}
	near(t, got, want, 1e-5)
}

func TestMicroBatchWithoutTargetAddsNothing(t *testing.T) {
	s := training()
	examples := modeltest.Examples(s.shape, 1, 4, 6, 18)
	for i := range examples[3].Targets {
		examples[3].Targets[i] = engine.Ignore
	}
	_, want := backward(t, s.open(t), drop, batch(examples[:3]))
	losses, got := backward(t, s.open(t), drop, batch(examples[:3]), batch(examples[3:]))
	if losses[1] != 0 {
		t.Errorf("loss %v without a target", losses[1])
	}
	identical(t, got, want)
}

func TestAdapterRoundTrip(t *testing.T) {
	s := training()
	m := s.open(t)
	got, err := m.Trained().Download()
	if err != nil {
		t.Fatal(err)
	}
	identical(t, got, s.adapter)
	if got, want := len(m.Trained().Params()), 2*len(lora.Targets)*s.shape.Layers; got != want {
		t.Errorf("%d parameters, want %d", got, want)
	}
}

func TestAdapterOfFewTargets(t *testing.T) {
	s := training()
	few := lora
	few.Targets = []engine.Projection{engine.Down, engine.Q} // in any order
	s.o.LoRA, s.adapter = &few, modeltest.Adapter(s.shape, few, 3)
	m := s.open(t)
	_, g := backward(t, m, drop, batch(modeltest.Examples(s.shape, 1, 3, 6, 18)))
	eachTensor(g, g, func(name string, x, _ []float32) {
		adapted := strings.Contains(name, "q_proj") || strings.Contains(name, "down_proj")
		if adapted != (x != nil) {
			t.Errorf("%s: %d values", name, len(x))
		}
	})
	if name := m.Trained().Params()[0].Name; name != "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight" {
		t.Errorf("first parameter is %s", name)
	}
}

func TestAdaptersSwitch(t *testing.T) {
	s := generating()
	small := lora
	small.Rank, small.Targets = 2, []engine.Projection{engine.V, engine.Up}
	m := s.open(t)
	second, err := m.NewAdapter(modeltest.Adapter(s.shape, small, 9))
	if err != nil {
		t.Fatal(err)
	}
	first := m.use
	b := batch(modeltest.Examples(s.shape, 1, 2, 6, 18))
	logits := func(a *Adapter) []float32 {
		m.Use(a)
		out, err := m.Logits(b)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	one, two, base := logits(first), logits(second), logits(nil)
	for _, d := range []float64{difference(one, base), difference(two, base), difference(one, two)} {
		if !(d > 1e-3) {
			t.Errorf("adapters differ by %v only", d)
		}
	}
	if d := difference(logits(first), one); d != 0 {
		t.Errorf("the first adapter differs by %v when used again", d)
	}
}

func TestFirstNonFinite(t *testing.T) {
	s := training()
	b := batch(modeltest.Examples(s.shape, 1, 2, 6, 18))
	for _, want := range []string{"", "layer 1"} {
		m := s.open(t)
		got, err := m.FirstNonFinite(b, drop)
		if err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
		s.adapter.Layers[1].B[engine.Up][3] = float32(math.NaN())
	}
}

func TestErrors(t *testing.T) {
	s := training()
	m := s.open(t)
	plain := generating().open(t)
	good := batch(modeltest.Examples(s.shape, 1, 1, 6, 6))
	outside := batch(modeltest.Examples(s.shape, 1, 1, 6, 6))
	outside.Tokens[2] = int32(s.shape.Vocab)
	big := lora
	big.Rank = 5
	other := s
	other.o.LoRA = &engine.LoRA{Rank: 4, Alpha: 8, Targets: []engine.Projection{engine.Q}}
	other.adapter = nil
	other.o.Train = false
	tests := []struct {
		name string
		err  func() error
		want string
	}{
		{"token outside the vocabulary", func() error { return m.Backward(outside, 1, drop) }, "token 2: id 96 is outside the vocabulary of 96"},
		{"too many tokens", func() error {
			return m.Backward(batch(modeltest.Examples(s.shape, 1, 8, 18, 18)), 1, drop)
		}, "144 tokens in 8 documents: the model was planned for 96 in 8"},
		{"no training", func() error { return plain.Backward(good, 1, drop) }, "not made for training"},
		{"losses not read", func() error {
			for range 2 {
				if err := m.Backward(good, 1, drop); err != nil {
					return err
				}
			}
			return m.Backward(good, 1, drop)
		}, "losses of 2 micro-batches have not been read"},
		{"adapter of too large a rank", func() error {
			_, err := plain.NewAdapter(modeltest.Adapter(s.shape, big, 1))
			return err
		}, "rank 5: the model was planned for at most 4"},
		{"adapter of another target", func() error {
			_, err := other.open(t).NewAdapter(modeltest.Adapter(s.shape, lora, 1))
			return err
		}, "target k_proj: the model was planned without it"},
		{"training without an adapter", func() error { return Options{MaxTokens: 1, MaxDocuments: 1, Train: true}.validate() }, "the base is frozen"},
		{"no gradients", func() error { _, err := plain.use.Gradients(); return err }, "not made for training"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.err(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestResidentRefusesAnotherShape(t *testing.T) {
	s := training()
	be := open(t, s.shape, 1)
	for _, tt := range []struct {
		name   string
		change func(*engine.HostWeights)
		want   string
	}{
		{"layers", func(w *engine.HostWeights) { w.Layers = w.Layers[:2] }, "2 layers, want 3"},
		{"projection", func(w *engine.HostWeights) { w.Layers[1].Proj[engine.K].Rows-- }, "layer 1: k_proj: shape (31, 64), want (32, 64)"},
		{"norm", func(w *engine.HostWeights) { w.Norm = w.Norm[1:] }, "norm: 63 values"},
	} {
		w := modeltest.Weights(s.shape, 1, true)
		tt.change(w)
		if _, err := NewResident(be, w); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

// memory returns what be holds now, and the most that it held.
func memory(t *testing.T, be engine.Backend) (resident, peak int64) {
	t.Helper()
	c, ok := be.(*cpu.Backend)
	if !ok {
		t.Fatalf("a %T does not count its memory", be)
	}
	return c.Memory()
}

func TestCheckpointingLowersPeakMemory(t *testing.T) {
	peak := func(checkpointing engine.Checkpointing) int64 {
		s := million(4)
		s.o.Checkpointing = checkpointing
		m := s.open(t)
		backward(t, m, drop, batch(modeltest.Examples(s.shape, 1, 4, 100, 100)))
		_, peak := memory(t, m.be)
		return peak
	}
	all, some, one := peak(engine.CheckpointNone), peak(engine.CheckpointSelective), peak(engine.CheckpointFull)
	if one >= all*7/10 || some >= all*9/10 || one >= some {
		t.Errorf("peak of %d bytes with full checkpointing, %d with selective, %d without", one, some, all)
	}
	t.Logf("peak of %d bytes with full checkpointing, %d with selective, %d without", one, some, all)
}

// TestBaseStaysPacked counts what the backend says that it holds, not what the
// matrices should take.
func TestBaseStaysPacked(t *testing.T) {
	s := million(1)
	linear, rest := 0, s.shape.Vocab*s.shape.Hidden+(2*s.shape.Layers+1)*s.shape.Hidden
	for p := range engine.NumProjections {
		rows, cols := p.Dims(s.shape)
		linear += s.shape.Layers * rows * cols
	}
	be := open(t, s.shape, 2)
	src, err := NewResident(be, s.weights)
	if err != nil {
		t.Fatal(err)
	}
	resident, _ := memory(t, be)
	for _, bytes := range []int64{resident, src.Bytes()} {
		if per := float64(bytes-4*int64(rest)) / float64(linear); !(per > 0.5 && per <= 0.53) {
			t.Errorf("%.4f bytes for each quantized parameter", per)
		}
	}
	// Nor does training unpack more than a panel at a time: what it holds beside
	// base and arena does not grow with the number of layers.
	scratch := func(layers int) int64 {
		s := million(1)
		s.shape.Layers = layers
		s.weights = modeltest.Weights(s.shape, 1, true)
		be := open(t, s.shape, 2)
		src, err := NewResident(be, s.weights)
		if err != nil {
			t.Fatal(err)
		}
		m, err := New(be, src, s.o)
		if err != nil {
			t.Fatal(err)
		}
		before, _ := memory(t, be)
		backward(t, m, drop, batch(modeltest.Examples(s.shape, 1, 1, 20, 20)))
		after, _ := memory(t, be)
		return after - before
	}
	if few, many := scratch(2), scratch(8); many > few {
		t.Errorf("training holds %d bytes of scratch with 2 layers, %d with 8", few, many)
	}
}
