package cpu

import (
	"fmt"
	"testing"

	"daybook/engine"
	"daybook/engine/model"
	"daybook/engine/model/modeltest"
	"daybook/engine/nf4"
)

// million is the shape of a base of about a million parameters. What is
// measured on it is also what testdata/bench_torch.py measures in PyTorch.
func million() engine.Shape {
	return engine.Shape{
		Vocab: 1024, Hidden: 128, Layers: 5, Heads: 4, KVHeads: 2, HeadDim: 32, Intermediate: 384,
		RopeTheta: 10000, NormEps: 1e-5, MaxPositions: 512, TiedHead: true,
	}
}

var threadCounts = []int{1, 2}

// BenchmarkProduct measures rows by a frozen matrix of (outputs, inputs), and
// the gradient's product with its transpose.
func BenchmarkProduct(b *testing.B) {
	for _, c := range []struct{ rows, outs, ins int }{
		{800, 128, 128}, {800, 384, 128}, {800, 128, 384}, {64, 384, 128}, {1, 384, 128}, {512, 2048, 2048},
	} {
		for _, format := range []string{"nf4", "f32"} {
			for _, backward := range []bool{false, true} {
				name := fmt.Sprintf("%dx%dx%d/%s/backward=%v", c.rows, c.outs, c.ins, format, backward)
				b.Run(name, func(b *testing.B) {
					for _, threads := range threadCounts {
						b.Run(fmt.Sprintf("threads=%d", threads), func(b *testing.B) {
							benchmarkProduct(b, c.rows, c.outs, c.ins, format, backward, threads)
						})
					}
				})
			}
		}
	}
}

func benchmarkProduct(b *testing.B, rows, outs, ins int, format string, backward bool, threads int) {
	b.Helper()
	be := open(b, million(), Options{Threads: threads})
	values := numbers(outs*ins, 1)
	m := engine.Matrix{Rows: outs, Cols: ins, F32: values}
	if format == "nf4" {
		m = engine.Matrix{Rows: outs, Cols: ins, NF4: nf4.Quantize(values, true)}
	}
	w := frozen(b, be, m)
	from, to := ins, outs
	if backward {
		from, to = outs, ins
	}
	x, y := upload(b, be, numbers(rows*from, 2)), upload(b, be, make([]float32, rows*to))
	b.ReportAllocs()
	for b.Loop() {
		be.product(b, x, w, y, rows, backward)
	}
	b.ReportMetric(2*float64(rows)*float64(outs)*float64(ins)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}

// BenchmarkStep measures one optimizer step on a micro-batch of 8 documents of
// 100 tokens, with LoRA of rank 8 on all projections.
func BenchmarkStep(b *testing.B) {
	for _, threads := range threadCounts {
		b.Run(fmt.Sprintf("threads=%d", threads), func(b *testing.B) {
			s := million()
			be := open(b, s, Options{Threads: threads})
			l := engine.LoRA{Rank: 8, Alpha: 16, Dropout: 0.05, Targets: modeltest.AllLinear()}
			m := newModel(b, be, model.Options{MaxTokens: 800, MaxDocuments: 8, Train: true, LoRA: &l})
			if err := m.Trained().Upload(modeltest.Adapter(s, l, 1)); err != nil {
				b.Fatal(err)
			}
			batch := documents(s, 8, 100)
			optimizer, err := be.NewOptimizer(engine.OptimizerConfig{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}, m.Trained().Params())
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			step := 0
			for b.Loop() {
				step++
				if err := m.Backward(batch, 1.0/528, engine.Dropout{P: 0.05, Seed: 1, Step: uint64(step)}); err != nil {
					b.Fatal(err)
				}
				if err := optimizer.Step(1e-4, 1, step); err != nil {
					b.Fatal(err)
				}
				if _, err := m.Losses(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*len(batch.Tokens))/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

// BenchmarkEvaluate measures the loss alone on the same documents.
func BenchmarkEvaluate(b *testing.B) {
	for _, threads := range threadCounts {
		b.Run(fmt.Sprintf("threads=%d", threads), func(b *testing.B) {
			s := million()
			m := newModel(b, open(b, s, Options{Threads: threads}), model.Options{MaxTokens: 800, MaxDocuments: 8})
			examples := modeltest.Examples(s, 1, 8, 100, 100)
			for b.Loop() {
				if _, err := m.Evaluate(b.Context(), examples, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*800)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

// BenchmarkGenerate measures greedy answers of 64 tokens to prompts of 60.
func BenchmarkGenerate(b *testing.B) {
	for _, size := range []int{1, 32, 100} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			for _, threads := range threadCounts {
				b.Run(fmt.Sprintf("threads=%d", threads), func(b *testing.B) {
					s := million()
					m := newModel(b, open(b, s, Options{Threads: threads}), model.Options{MaxTokens: 60 * size, MaxDocuments: size})
					var prompts [][]int32
					for _, e := range modeltest.Examples(s, 1, size, 60, 60) {
						prompts = append(prompts, e.Tokens)
					}
					for b.Loop() {
						if _, err := m.Generate(b.Context(), prompts, model.GenerateOptions{MaxNewTokens: 64}); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(b.N*size*64)/b.Elapsed().Seconds(), "tokens/s")
				})
			}
		})
	}
}

func newModel(b *testing.B, be *Backend, o model.Options) *model.Model {
	b.Helper()
	src, err := model.NewResident(be, modeltest.Weights(be.shape, 1, true))
	if err != nil {
		b.Fatal(err)
	}
	m, err := model.New(be, src, o)
	if err != nil {
		b.Fatal(err)
	}
	return m
}

func documents(s engine.Shape, n, length int) *engine.Batch {
	batch := &engine.Batch{}
	for _, e := range modeltest.Examples(s, 1, n, length, length) {
		batch.Add(e.Tokens, e.Targets, engine.DropoutKey(e.ID))
	}
	return batch
}
