package model

import (
	"errors"
	"math"
	"testing"

	"daybook/engine"
	"daybook/engine/cuda"
	"daybook/engine/device"
	"daybook/engine/model/modeltest"
)

// onGPU runs f as a subtest for every GPU in the compute type given; the test is
// skipped where there is none.
func onGPU(t *testing.T, compute string, f func(t *testing.T, name string)) {
	t.Helper()
	gpus, err := device.Resolve("cuda/" + compute)
	if errors.Is(err, cuda.ErrUnavailable) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range gpus {
		t.Run(d.String(), func(t *testing.T) { f(t, d.String()) })
	}
}

// wholeModels have the head sizes of models in use, and widths and ranks that are
// no multiple of any tile.
var wholeModels = []struct {
	name      string
	shape     engine.Shape
	quantized bool
	lora      engine.LoRA
}{
	{"head 64", engine.Shape{
		Vocab: 307, Hidden: 192, Layers: 3, Heads: 6, KVHeads: 2, HeadDim: 64, Intermediate: 416,
		RopeTheta: 10000, NormEps: 1e-5, MaxPositions: 256,
	}, true, engine.LoRA{Rank: 8, Alpha: 16, Dropout: 0.1}},
	{"head 80, tied", engine.Shape{
		Vocab: 301, Hidden: 160, Layers: 2, Heads: 3, KVHeads: 1, HeadDim: 80, Intermediate: 336,
		RopeTheta: 500000, NormEps: 1e-6, MaxPositions: 256, TiedHead: true,
	}, true, engine.LoRA{Rank: 5, Alpha: 16, RSLoRA: true}},
	{"head 96, not quantized", engine.Shape{
		Vocab: 1009, Hidden: 184, Layers: 2, Heads: 2, KVHeads: 2, HeadDim: 96, Intermediate: 312,
		RopeTheta: 10000, NormEps: 1e-5, MaxPositions: 256,
	}, false, engine.LoRA{Rank: 16, Alpha: 8, Dropout: 0.05}},
	{"head 128, tied", engine.Shape{
		Vocab: 211, Hidden: 256, Layers: 4, Heads: 4, KVHeads: 1, HeadDim: 128, Intermediate: 704,
		RopeTheta: 1e6, NormEps: 1e-6, MaxPositions: 256, TiedHead: true,
	}, true, engine.LoRA{Rank: 33, Alpha: 33, Dropout: 0.3}},
}

// TestGradientsOnGPU compares the loss and the gradient of every tensor of whole
// models with those of the CPU: packed documents of odd lengths, random B.
func TestGradientsOnGPU(t *testing.T) {
	for _, c := range []struct {
		compute        string
		loss, gradient float64 // relative
	}{
		{"float32", 1e-6, 2e-5},
		{"bfloat16", 1e-2, 6e-2}, // as the conformance suite has it for whole models
	} {
		onGPU(t, c.compute, func(t *testing.T, name string) {
			t.Helper()
			for _, w := range wholeModels {
				t.Run(w.name, func(t *testing.T) {
					w.lora.Targets = modeltest.AllLinear()
					s := setup{
						shape: w.shape, weights: modeltest.Weights(w.shape, 3, w.quantized), threads: 2,
						o:       Options{MaxTokens: 512, MaxDocuments: 8, Train: true, LoRA: &w.lora},
						adapter: modeltest.Adapter(w.shape, w.lora, 4),
					}
					var examples []engine.Example
					for i, n := range []int{131, 1, 64, 65, 7, 200} {
						examples = append(examples, modeltest.Examples(w.shape, uint64(i), 1, n, n)...)
					}
					b, drop := batch(examples), engine.Dropout{P: float32(w.lora.Dropout), Seed: 5, Step: 7}
					wantLoss, want := backward(t, s.open(t), drop, b)
					s.device = name
					loss, got := backward(t, s.open(t), drop, b)
					d := math.Abs(loss[0]-wantLoss[0]) / wantLoss[0]
					if !(d <= c.loss) {
						t.Errorf("loss %v, want %v", loss[0], wantLoss[0])
					}
					near(t, got, want, c.gradient)
					worst := 0.0
					eachTensor(got, want, func(_ string, x, y []float32) { worst = max(worst, difference(x, y)) })
					t.Logf("loss differs by %.1e, gradients by at most %.1e", d, worst)
				})
			}
		})
	}
}

// TestMemorySettingsOnGPU trains with every setting that saves memory, and from a
// source that keeps nothing on the device: none of them may change a bit.
func TestMemorySettingsOnGPU(t *testing.T) {
	for _, compute := range []string{"float32", "bfloat16"} {
		onGPU(t, compute, func(t *testing.T, name string) {
			t.Helper()
			s := training()
			s.device = name
			b := batch(modeltest.Examples(s.shape, 1, 5, 6, 18))
			wantLoss, want := backward(t, s.open(t), drop, b)
			for _, s.o.Checkpointing = range kinds {
				for _, s.o.HostInputs = range []bool{false, true} {
					for _, s.streamed = range []bool{false, true} {
						loss, got := backward(t, s.open(t), drop, b)
						if loss[0] != wantLoss[0] {
							t.Errorf("%s, host inputs %t, streamed %t: loss %v, want %v", s.o.Checkpointing, s.o.HostInputs, s.streamed, loss[0], wantLoss[0])
						}
						identical(t, got, want)
					}
				}
			}
		})
	}
}
