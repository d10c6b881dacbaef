// Package backendtest holds every backend to one standard: each operation of
// engine.Backend, forward and backward, against the float64 loops of package
// reference, and what the contract promises besides (every element written,
// gradients added to, results independent of the rest of the batch).
//
// Inputs are fresh random numbers in every run; a failure prints the seed, and
// `go test -args -backendtest.seed=N` repeats it. The suite knows no backend by
// name: tolerances follow from Numerics().Compute.
package backendtest

import (
	"flag"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"testing"

	"daybook/engine"
)

var seedFlag = flag.Uint64("backendtest.seed", 0, "seed of the backend conformance suite; 0 picks one")

// shapes are small and odd: grouped queries, widths that are no powers of two,
// and in "straddling" rows that are no multiple of an NF4 block, so that a
// block runs over two rows. Heads and vocabularies are those of models in use.
var shapes = []struct {
	name   string
	shape  engine.Shape
	checks []string // names; nil for all
}{
	{"grouped", engine.Shape{
		Vocab: 67, Hidden: 64, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 16, Intermediate: 96,
		RopeTheta: 10000, NormEps: 1e-5, MaxPositions: 256,
	}, nil},
	{"straddling", engine.Shape{
		Vocab: 101, Hidden: 48, Layers: 3, Heads: 3, KVHeads: 1, HeadDim: 16, Intermediate: 80,
		RopeTheta: 500000, NormEps: 1e-6, MaxPositions: 256,
		RopeScaling: engine.RopeScaling{Factor: 8, LowFreqFactor: 1, HighFreqFactor: 4, OriginalMaxPositions: 64},
	}, nil},
	{"wide", engine.Shape{
		Vocab: 257, Hidden: 128, Layers: 2, Heads: 2, KVHeads: 2, HeadDim: 64, Intermediate: 192,
		RopeTheta: 20000, NormEps: 1e-5, MaxPositions: 256, TiedHead: true,
	}, nil},
	{"bias", engine.Shape{
		Vocab: 67, Hidden: 64, Layers: 2, Heads: 6, KVHeads: 2, HeadDim: 16, Intermediate: 96,
		RopeTheta: 1e6, NormEps: 1e-6, MaxPositions: 256, QKVBias: true,
	}, ofLayers},
	{"head norm", engine.Shape{ // heads wider than hidden/heads
		Vocab: 67, Hidden: 64, Layers: 2, Heads: 4, KVHeads: 1, HeadDim: 32, Intermediate: 96,
		RopeTheta: 1e6, NormEps: 1e-6, MaxPositions: 256, HeadNorm: true, QKVBias: true,
	}, ofLayers},
	{"window", engine.Shape{ // shorter than some documents
		Vocab: 67, Hidden: 64, Layers: 1, Heads: 4, KVHeads: 2, HeadDim: 8, Intermediate: 96,
		RopeTheta: 10000, NormEps: 1e-5, MaxPositions: 512, Window: 7,
	}, ofWindows},
	{"wide window", engine.Shape{ // wider than a tile of the kernels for any head size
		Vocab: 67, Hidden: 64, Layers: 1, Heads: 2, KVHeads: 1, HeadDim: 24, Intermediate: 96,
		RopeTheta: 10000, NormEps: 1e-5, MaxPositions: 512, Window: 70,
	}, ofWindows},
	{"window, head 32", engine.Shape{
		Vocab: 67, Hidden: 64, Layers: 1, Heads: 4, KVHeads: 1, HeadDim: 32, Intermediate: 96,
		RopeTheta: 10000, NormEps: 1e-5, MaxPositions: 512, Window: 33,
	}, ofWindows},
	{"window, head 64", engine.Shape{
		Vocab: 67, Hidden: 64, Layers: 1, Heads: 4, KVHeads: 2, HeadDim: 64, Intermediate: 96,
		RopeTheta: 10000, NormEps: 1e-5, MaxPositions: 512, Window: 50,
	}, ofWindows},
	{"window, head 128", engine.Shape{ // wider than any tile
		Vocab: 67, Hidden: 64, Layers: 1, Heads: 2, KVHeads: 1, HeadDim: 128, Intermediate: 96,
		RopeTheta: 10000, NormEps: 1e-5, MaxPositions: 512, Window: 131,
	}, ofWindows},
	{"head 64", engine.Shape{
		Vocab: 61, Hidden: 64, Layers: 2, Heads: 4, KVHeads: 1, HeadDim: 64, Intermediate: 144,
		RopeTheta: 10000, NormEps: 1e-5, MaxPositions: 256,
	}, ofLayers},
	{"head 80", engine.Shape{
		Vocab: 61, Hidden: 80, Layers: 2, Heads: 3, KVHeads: 1, HeadDim: 80, Intermediate: 112,
		RopeTheta: 10000, NormEps: 1e-5, MaxPositions: 256,
	}, ofLayers},
	{"head 96", engine.Shape{
		Vocab: 61, Hidden: 96, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 96, Intermediate: 160,
		RopeTheta: 10000, NormEps: 1e-5, MaxPositions: 256,
	}, ofLayers},
	{"head 128", engine.Shape{
		Vocab: 61, Hidden: 72, Layers: 2, Heads: 2, KVHeads: 1, HeadDim: 128, Intermediate: 136,
		RopeTheta: 10000, NormEps: 1e-5, MaxPositions: 256,
	}, ofLayers},
	{"large batch", engine.Shape{
		Vocab: 8, Hidden: 32, Layers: 1, Heads: 1, KVHeads: 1, HeadDim: 64, Intermediate: 48,
		RopeTheta: 10000, NormEps: 1e-5, MaxPositions: 2048,
	}, []string{"LargeBatch"}},
	{"large batch, head 128", engine.Shape{
		Vocab: 8, Hidden: 32, Layers: 1, Heads: 1, KVHeads: 1, HeadDim: 128, Intermediate: 48,
		RopeTheta: 10000, NormEps: 1e-5, MaxPositions: 2048,
	}, []string{"LargeBatch"}},
	{"vocabulary 32000", engine.Shape{
		Vocab: 32000, Hidden: 24, Layers: 1, Heads: 1, KVHeads: 1, HeadDim: 16, Intermediate: 16,
		RopeTheta: 10000, NormEps: 1e-5, MaxPositions: 256,
	}, ofVocabulary},
	{"vocabulary 151936", engine.Shape{
		Vocab: 151936, Hidden: 16, Layers: 1, Heads: 1, KVHeads: 1, HeadDim: 16, Intermediate: 16,
		RopeTheta: 10000, NormEps: 1e-5, MaxPositions: 256,
	}, ofVocabulary},
}

// What depends on the widths of a layer, and what on the vocabulary.
var (
	ofLayers = []string{
		"Embed", "QKV", "Attention", "Output", "MLP", "Loss", "Model", "OneToken", "Recompute", "BatchInvariance", "PackedGradients", "CachedAttention", "Decode",
	}
	ofWindows    = append(slices.Clone(ofLayers), "LongDecode")
	ofVocabulary = []string{"Embed", "Loss", "LossAlone", "GreedyTies"}
)

// Run opens a backend for each of a few shapes, runs all checks on it, and
// closes it. open may skip a shape that the device can't do. At the end, every
// method of engine.Backend must have been called by some check.
func Run(t *testing.T, open func(t *testing.T, s engine.Shape) engine.Backend) {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	called, made := &calls{names: map[string]bool{}}, map[string]bool{}
	for _, c := range shapes {
		t.Run(c.name, func(t *testing.T) {
			be := recorder{open(t, c.shape), called}
			t.Cleanup(func() {
				if err := be.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			tol, ok := tolerances[be.Numerics().Compute]
			if !ok {
				t.Fatalf("no tolerances for compute type %q", be.Numerics().Compute)
			}
			for _, check := range checks {
				if c.checks != nil && !slices.Contains(c.checks, check.name) {
					continue
				}
				t.Run(check.name, func(t *testing.T) {
					made[check.name] = true
					h := fnv.New64a()
					_, _ = h.Write([]byte(t.Name())) // a hash never fails
					t.Cleanup(func() {
						if t.Failed() {
							t.Logf("repeat with -args -backendtest.seed=%d", seed)
						}
					})
					check.run(&rig{t: t, be: be, s: c.shape, r: rand.New(rand.NewPCG(seed, h.Sum64())), tol: tol})
				})
			}
		})
	}
	t.Run("Methods", func(t *testing.T) {
		if len(made) < len(checks) {
			t.Skipf("%d of %d checks were left out", len(checks)-len(made), len(checks))
		}
		for _, name := range called.missing() {
			t.Errorf("no check calls %s of engine.Backend; a new method needs one in recorder too", name)
		}
	})
}

var checks = []struct {
	name string
	run  func(*rig)
}{
	{"Describe", checkDescribe},
	{"Memory", checkMemory},
	{"Copy", checkCopy},
	{"Reserve", checkReserve},
	{"Capacity", checkCapacity},
	{"Embed", checkEmbed},
	{"QKV", checkQKV},
	{"Attention", checkAttention},
	{"Output", checkOutput},
	{"MLP", checkMLP},
	{"Loss", checkLoss},
	{"LossAlone", checkLossAlone},
	{"Model", checkModel},
	{"OneToken", checkOneToken},
	{"Recompute", checkRecompute},
	{"BatchInvariance", checkBatchInvariance},
	{"PackedGradients", checkPackedGradients},
	{"LargeBatch", checkLargeBatch},
	{"CachedAttention", checkCachedAttention},
	{"Decode", checkDecode},
	{"LongDecode", checkLongDecode},
	{"GreedyTies", checkGreedyTies},
	{"NonFinite", checkNonFinite},
	{"Optimizer", checkOptimizer},
	{"OptimizerNonFinite", checkOptimizerNonFinite},
	{"OptimizerResume", checkOptimizerResume},
	{"Rows", checkRows},
	{"Free", checkFree},
	{"Lifetime", checkLifetime},
}

// tolerance bounds ‖got-want‖/‖want‖ of one operation's result.
type tolerance struct {
	roundTrip float64 // Upload then Download of an Activation, per element
	ulps      float64 // of a pointwise operation on what its input holds, per element
	product   float64 // of products and of attention, forward and backward, on what their inputs hold
	forward   float64
	backward  float64
	model     float64 // gradients through a whole model
	optimizer float64 // change of a parameter in one step
}

// The numbers are a few times what correct implementations show: in float32 a
// sum of n products errs by about sqrt(n)*2^-24 of its size, n up to 200 here.
// In bfloat16 storing a result or a weight rounds it by up to 2^-9 of itself;
// the float64 reference with nothing but that differs from itself by 0.003 in
// an operation and 0.02 in the gradients of these models, and a device rounds
// intermediate values of an operation too.
var tolerances = map[string]tolerance{
	"float32":  {roundTrip: 0, ulps: 8, product: 5e-6, forward: 3e-6, backward: 5e-6, model: 2e-5, optimizer: 2e-6},
	"bfloat16": {roundTrip: 1.0 / 256, ulps: 2, product: 4e-3, forward: 1e-2, backward: 1.5e-2, model: 6e-2, optimizer: 2e-6},
}

func checkDescribe(g *rig) {
	n := g.be.Numerics()
	if n.Backend == "" || n.Version < 1 {
		g.t.Errorf("numerics class %q is incomplete", n)
	}
	if len(g.be.Describe()) == 0 {
		g.t.Error("Describe says nothing about the device")
	}
}
