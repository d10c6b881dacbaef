package train

import (
	"testing"

	"daybook/engine"
	"daybook/engine/cpu"
	"daybook/engine/model"
	"daybook/engine/model/modeltest"
)

// BenchmarkStep measures one optimizer step on 8 records of 100 tokens, on a
// base of about a million parameters with LoRA of rank 8 on all projections.
func BenchmarkStep(b *testing.B) {
	s := engine.Shape{
		Vocab: 1024, Hidden: 128, Layers: 5, Heads: 4, KVHeads: 2, HeadDim: 32, Intermediate: 384,
		RopeTheta: 10000, NormEps: 1e-5, MaxPositions: 512, TiedHead: true,
	}
	be, err := cpu.Open(s, cpu.Options{Threads: 2})
	if err != nil {
		b.Fatal(err)
	}
	src, err := model.NewResident(be, modeltest.Weights(s, 1, true))
	if err != nil {
		b.Fatal(err)
	}
	tr := tiny()
	tr.MaxSeqLen, tr.BatchSize, tr.GradAccum, tr.Packing, tr.LoRA.Rank, tr.LoRA.Dropout = 128, 8, 1, false, 8, 0.05
	r, err := newRun(b.Context(), Job{
		Backend: be, Source: src, Training: tr, Dir: b.TempDir(),
		Examples: modeltest.Examples(s, 1, 8, 100, 100),
	})
	if err != nil {
		b.Fatal(err)
	}
	w, step := r.order.Epochs[0][0], 0
	for b.Loop() {
		step++
		if _, _, err := r.step(w, step); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*w.Tokens)/b.Elapsed().Seconds(), "tokens/s")
}
