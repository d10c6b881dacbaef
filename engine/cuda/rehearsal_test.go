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
// for: nothing must be allocated that was not planned, and closing gives all back.
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
	mo := model.Options{MaxTokens: 300, MaxDocuments: 7, Train: true, LoRA: &l}
	m, err := model.New(b, source, mo)
	if err != nil {
		t.Fatal(err)
	}
	planned, _ := b.Memory()
	products := b.Describe()["products"]
	if products == "" {
		t.Error("Describe says nothing of products")
	}
	w := engine.Work{Tokens: mo.MaxTokens, Documents: mo.MaxDocuments, Train: true, Dropout: l.Dropout > 0}
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
	if err := m.Backward(batch, 1, engine.Dropout{P: float32(l.Dropout), Seed: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Losses(); err != nil {
		t.Fatal(err)
	}
	if now, _ := b.Memory(); now != planned {
		t.Errorf("%d bytes after training, %d planned: %v", now, planned, b.scratches)
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
		mo := model.Options{MaxTokens: 300, MaxDocuments: 7, Train: true, LoRA: &l, Checkpointing: c}
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
