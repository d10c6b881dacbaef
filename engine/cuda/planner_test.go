package cuda

import (
	"testing"

	"daybook/engine"
	"daybook/engine/model"
	"daybook/engine/model/modeltest"
)

// TestPlan plans without a device what runs on one take in TestReserve.
func TestPlan(t *testing.T) {
	s := modeltest.Shape()
	for _, compute := range []string{"bfloat16", "float32"} {
		p, err := Plan(s, Options{Compute: compute})
		if err != nil {
			t.Fatal(err)
		}
		l := engine.LoRA{Rank: 16, Alpha: 16, Dropout: 0.1, Targets: modeltest.AllLinear()}
		o := model.Options{MaxTokens: 300, MaxDocuments: 7, Train: true, LoRA: &l, Checkpointing: engine.CheckpointFull}
		some := model.Estimate(p, s, o, engine.OptimizerConfig{})
		if again := model.Estimate(p, s, o, engine.OptimizerConfig{}); some != again {
			t.Errorf("%s: %+v at first, then %+v", compute, some, again)
		}
		o.MaxTokens *= 2
		more := model.Estimate(p, s, o, engine.OptimizerConfig{})
		if some.Scratch <= 0 || more.Scratch <= some.Scratch || more.Activations <= some.Activations || more.Adapter != some.Adapter {
			t.Errorf("%s: %+v, with twice the tokens %+v", compute, some, more)
		}
		// Half a byte a weight in NF4, what scales take, and embedding and head.
		w := modeltest.Weights(s, 1, true)
		size := int64(2)
		if compute == "float32" {
			size = 4
		}
		least := size * 2 * int64(s.Vocab) * int64(s.Hidden)
		for proj := range engine.NumProjections {
			rows, cols := proj.Dims(s)
			least += int64(s.Layers) * int64(rows*cols/2)
		}
		if got := model.BaseBytes(p, w); got < least || got > least+least/3 {
			t.Errorf("%s: a base of %d bytes, want some more than %d", compute, got, least)
		}
	}
	if _, err := Plan(s, Options{Compute: "int8"}); err == nil {
		t.Error("planned for a type that nothing computes in")
	}
	if _, err := Plan(engine.Shape{}, Options{}); err == nil {
		t.Error("planned a model without a shape")
	}
}

// TestLeaves says what a backend may plan with: as much on a device of its own as an
// estimate says, and no less because some of what is kept free has been taken.
func TestLeaves(t *testing.T) {
	const card = 8 << 30
	if got := (footprint{opened: opened, besides: opened}).leaves(card); got != card-Overhead {
		t.Errorf("%d bytes of a card, want %d", got, card-Overhead)
	}
	for _, c := range []struct {
		f    footprint
		want int64
	}{
		{footprint{opened: 100, besides: 100}, card - 100 - libraries},
		{footprint{opened: 100, besides: 100 + libraries/2}, card - 100 - libraries},
		{footprint{opened: 100, besides: 100 + 2*libraries}, card - 100 - 2*libraries},
		{footprint{backend: 1000, opened: 100, besides: 100}, card - 1100 - libraries},
		{footprint{backend: card, opened: 100, besides: 100}, 0},
	} {
		if got := c.f.leaves(card); got != c.want {
			t.Errorf("%+v leaves %d bytes of a card, want %d", c.f, got, c.want)
		}
	}
}

// TestTurns holds scratch to what operations need of it: apart while one operation
// works, together from one to the next, and where the memory grows no address moves.
func TestTurns(t *testing.T) {
	p, err := newBackend(modeltest.Shape(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	p.rehearsal = &rehearsal{} // allocates addresses that are not there
	take := func(name string, bytes int64) pointer {
		t.Helper()
		at, err := p.scratch(name, bytes)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	w := p.working()
	a, b := take("a", 1000), take("b", 1)
	if a == b || w.end != 1024+align || take("a", 900) != a || take("b", align) != b {
		t.Errorf("a lies at %d, b at %d, %d bytes taken", a, b, w.end)
	}
	if larger := take("a", 2000); larger == a || w.end != 1024+align+2048 || take("a", 1) != larger {
		t.Errorf("more of a lies at %d, before at %d, %d bytes taken", larger, a, w.end)
	}
	w.begin()
	if first := take("b", 3000); first != w.arena.ptr || w.end != 3072 || w.most != 1024+align+2048 {
		t.Errorf("the next operation begins at %d of %d, %d bytes taken, %d at most", first, w.arena.ptr, w.end, w.most)
	}
}
