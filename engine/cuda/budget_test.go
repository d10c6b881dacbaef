//go:build cuda

package cuda

import (
	"errors"
	"testing"

	"daybook/engine"
	"daybook/engine/model"
	"daybook/engine/model/modeltest"
)

// TestOverhead holds what is planned for a process beside its backend's memory to what
// the driver and cuBLASLt take, when a backend opens and when it has done everything.
func TestOverhead(t *testing.T) {
	s := engine.Shape{
		Vocab: 32000, Hidden: 1024, Layers: 2, Heads: 16, KVHeads: 4, HeadDim: 64, Intermediate: 2816,
		RopeTheta: 10000, NormEps: 1e-5, MaxPositions: 1024,
	}
	for _, o := range everywhere(t) {
		t.Run(o.name(), func(t *testing.T) {
			o.Memory = 6 << 30
			b, err := open(s, o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := b.Close(); err != nil {
					t.Error(err)
				}
			})
			besides := func(when string, most int64) {
				t.Helper()
				taken, err := b.taken()
				if err != nil {
					t.Fatal(err)
				}
				n := taken - b.memory.resident
				t.Logf("%s: %d KiB beside %d KiB", when, n>>10, b.memory.resident>>10)
				if n > most {
					t.Errorf("%s: the process takes %d bytes besides, planned are %d", when, n, most)
				}
			}
			besides("opened", opened)
			// A run may plan with as much as an estimate says.
			if left, err := b.Available(); err != nil || left < o.Memory-Overhead {
				t.Errorf("%d bytes available of %d, want %d: %v", left, o.Memory, o.Memory-Overhead, err)
			}
			if err := doEverything(t, b); err != nil {
				t.Fatal(err)
			}
			besides("when all is done", Overhead)
		})
	}
}

// doEverything makes a model of b's shape, trains it a step and has it answer.
func doEverything(t *testing.T, b *Backend) error {
	t.Helper()
	source, err := model.NewResident(b, modeltest.Weights(b.shape, 1, true))
	if err != nil {
		return err
	}
	l := engine.LoRA{Rank: 16, Alpha: 16, Dropout: 0.1, Targets: modeltest.AllLinear()}
	m, err := model.New(b, source, model.Options{MaxTokens: 4096, MaxDocuments: 32, Train: true, LoRA: &l})
	if err != nil {
		return err
	}
	adamw, err := b.NewOptimizer(engine.OptimizerConfig{EightBit: true, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}, m.Trained().Params())
	if err != nil {
		return err
	}
	batch := &engine.Batch{}
	for _, e := range modeltest.Examples(b.shape, 3, 7, 400, 420) {
		batch.Add(e.Tokens, e.Targets, engine.DropoutKey(e.ID))
	}
	if err := m.Backward(batch, 1, engine.Dropout{P: 0.1, Seed: 1}); err != nil {
		return err
	}
	if _, err := m.Losses(); err != nil {
		return err
	}
	if err := adamw.Step(1e-3, 1, 1); err != nil {
		return err
	}
	prompts := make([][]int32, 32)
	for i := range prompts {
		prompts[i] = batch.Tokens[i : i+40]
	}
	_, err = m.Generate(t.Context(), prompts, model.GenerateOptions{MaxNewTokens: 8})
	return errors.Join(err, m.Close())
}
