//go:build cuda

package cuda

import (
	"strings"
	"testing"

	"daybook/engine"
	"daybook/engine/model"
	"daybook/engine/model/modeltest"
)

// TestReserve trains and evaluates with the largest batches that a model was made
// for: nothing must be allocated that was not planned and taken at the start, and
// closing gives all back.
func TestReserve(t *testing.T) {
	for _, o := range everywhere(t) {
		for _, l := range []engine.LoRA{
			{Rank: 16, Alpha: 16, Dropout: 0.1, Targets: modeltest.AllLinear()},
			{Rank: 33, Alpha: 16, Dropout: 0.1, Targets: modeltest.AllLinear()},
			{Rank: 8, Alpha: 16, Targets: []engine.Projection{engine.V, engine.Down}},
		} {
			t.Run(o.name(), func(t *testing.T) { checkReserve(t, o, l) })
		}
	}
}

func checkReserve(t *testing.T, o Options, l engine.LoRA) {
	t.Helper()
	s := modeltest.Shape()
	b, err := open(s, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	source, err := model.NewResident(b, modeltest.Weights(s, 1, true))
	if err != nil {
		t.Fatal(err)
	}
	base, _ := b.Memory()
	checkPlan(t, b, o, l)
	left, err := b.Available()
	if err != nil {
		t.Fatal(err)
	}
	mo := model.Options{MaxTokens: 300, MaxDocuments: 7, Train: true, LoRA: &l, Slots: 7, Positions: 60}
	estimate := model.Estimate(b, s, mo, engine.OptimizerConfig{})
	m, err := model.New(b, source, mo)
	if err != nil {
		t.Fatal(err)
	}
	planned, _ := b.Memory()
	// Batches and what a cache rounds up are not in it.
	if n := estimate.Device() - estimate.Optimizer; planned-base < n || planned-base > n+1<<20 {
		t.Errorf("a model took %d bytes, estimated were %d", planned-base, n)
	}
	products := b.Describe()["products"]
	if products == "" {
		t.Error("Describe says nothing of products")
	}
	w := engine.Work{Tokens: mo.MaxTokens, Documents: mo.MaxDocuments, Train: true, Dropout: l.Dropout > 0, Slots: mo.Slots, Positions: mo.Positions}
	for _, p := range l.Targets {
		w.Ranks[p] = l.Rank
	}
	scratch := b.Scratch(w)
	if scratch <= 0 || scratch > planned-base {
		t.Errorf("%d bytes of scratch, of %d that a model took", scratch, planned-base)
	}
	batch := &engine.Batch{}
	for _, e := range modeltest.Examples(s, 3, 7, 40, 42) {
		batch.Add(e.Tokens, e.Targets, engine.DropoutKey(e.ID))
	}
	for range 2 {
		if err := m.Backward(batch, 1, engine.Dropout{P: float32(l.Dropout), Seed: 1}); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Losses(); err != nil {
			t.Fatal(err)
		}
		if now, _ := b.Memory(); now != planned {
			t.Errorf("%d bytes after training, %d planned: %+v", now, planned, b.workspace)
		}
		examples := modeltest.Examples(s, 4, 12, 40, 50)
		prompts := make([][]int32, len(examples))
		for i, e := range examples {
			prompts[i] = e.Tokens[:20]
		}
		if _, err := m.Evaluate(t.Context(), examples, nil); err != nil {
			t.Fatal(err)
		}
		if _, _, err := m.Judge(t.Context(), examples, prompts, model.GenerateOptions{MaxNewTokens: 41, BatchSize: 7}); err != nil {
			t.Fatal(err)
		}
		if now, peak := b.Memory(); now != planned || peak != planned {
			t.Errorf("%d bytes after an evaluation, %d at most, %d planned: %+v", now, peak, planned, b.workspace)
		}
	}
	if now := strings.Join(algorithms(b.products.known), "; "); now != products {
		t.Errorf("training computed the products\n%s\nand planned\n%s", now, products)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if now, _ := b.Memory(); now > base+scratch+1<<20 {
		t.Errorf("%d bytes after the model was closed, %d before it was made and %d of scratch", now, base, scratch)
	}
	// What operations worked in is the next model's, which takes no more than it needs.
	if again, err := b.Available(); err != nil || again < left-1<<20 || again > left {
		t.Errorf("%d bytes available, %d before the model was made, %v", again, left, err)
	}
	mo = model.Options{MaxTokens: 20, MaxDocuments: 1}
	estimate = model.Estimate(b, s, mo, engine.OptimizerConfig{})
	if m, err = model.New(b, source, mo); err != nil {
		t.Fatal(err)
	}
	if now, _ := b.Memory(); now > base+estimate.Device()+1<<20 {
		t.Errorf("a small model took %d bytes, estimated were %d", now-base, estimate.Device())
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}

// checkPlan holds what is planned without a device to what b, which has done nothing
// yet, plans on one.
func checkPlan(t *testing.T, b *Backend, o Options, l engine.LoRA) {
	t.Helper()
	s := b.shape
	p, err := Plan(s, o)
	if err != nil {
		t.Fatal(err)
	}
	w := modeltest.Weights(s, 1, true)
	for _, c := range []engine.Checkpointing{engine.CheckpointNone, engine.CheckpointSelective, engine.CheckpointFull} {
		mo := model.Options{MaxTokens: 300, MaxDocuments: 7, Train: true, LoRA: &l, Checkpointing: c, Slots: 7, Positions: 60}
		got, want := model.Estimate(p, s, mo, engine.OptimizerConfig{EightBit: true}), model.Estimate(b, s, mo, engine.OptimizerConfig{EightBit: true})
		if got != want || got.Scratch == 0 {
			t.Errorf("%s checkpointing: planned without a device %+v, with one %+v", c, got, want)
		}
	}
	source, err := model.NewResident(b, w)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := model.BaseBytes(p, w), source.Bytes(); got != want {
		t.Errorf("a base planned to take %d bytes takes %d", got, want)
	}
}
