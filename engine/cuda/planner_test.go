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
