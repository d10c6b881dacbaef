package model

import (
	"fmt"
	"testing"

	"daybook/engine"
	"daybook/engine/model/modeltest"
)

// million is the shape of a base of about a million parameters, and docs
// documents of 100 tokens are what is measured on it.
func million(docs int) setup {
	s := engine.Shape{
		Vocab: 1024, Hidden: 128, Layers: 5, Heads: 4, KVHeads: 2, HeadDim: 32, Intermediate: 384,
		RopeTheta: 10000, NormEps: 1e-5, MaxPositions: 512, TiedHead: true,
	}
	l := engine.LoRA{Rank: 8, Alpha: 16, Dropout: 0.05, Targets: modeltest.AllLinear()}
	return setup{
		shape: s, weights: modeltest.Weights(s, 1, true), threads: 2, adapter: modeltest.Adapter(s, l, 1),
		o: Options{MaxTokens: 100 * docs, MaxDocuments: docs, Train: true, LoRA: &l},
	}
}

func BenchmarkBackward(b *testing.B) {
	for _, checkpointing := range []engine.Checkpointing{engine.CheckpointNone, engine.CheckpointSelective, engine.CheckpointFull} {
		b.Run("checkpointing="+string(checkpointing), func(b *testing.B) {
			s := million(8)
			s.o.Checkpointing = checkpointing
			m, batch := s.open(b), batch(modeltest.Examples(s.shape, 1, 8, 100, 100))
			for b.Loop() {
				backward(b, m, engine.Dropout{P: 0.05, Seed: 1, Step: 1}, batch)
			}
			b.ReportMetric(float64(b.N*len(batch.Tokens))/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

func BenchmarkEvaluate(b *testing.B) {
	s := million(8)
	s.o.Train = false
	m, examples := s.open(b), modeltest.Examples(s.shape, 1, 8, 100, 100)
	for b.Loop() {
		if _, err := m.Evaluate(b.Context(), examples, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*800)/b.Elapsed().Seconds(), "tokens/s")
}

func BenchmarkGenerate(b *testing.B) {
	for _, size := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			s := million(size)
			s.o.Train = false
			m := s.open(b)
			var ps [][]int32
			for _, e := range modeltest.Examples(s.shape, 1, size, 60, 60) {
				ps = append(ps, e.Tokens)
			}
			for b.Loop() {
				if _, err := m.Generate(b.Context(), ps, GenerateOptions{MaxNewTokens: 64}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*size*64)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}
