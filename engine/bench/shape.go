package bench

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"daybook/engine"
)

// ErrShape reports a name that no shape has.
var ErrShape = errors.New("no such shape")

// shapes are those of public models, from their config.json; biases of q, k and
// v, which some have, are left out. tiny is the base of the worked experiment.
var shapes = map[string]engine.Shape{
	"tiny": {
		Vocab: 1024, Hidden: 128, Layers: 5, Heads: 4, KVHeads: 2, HeadDim: 32, Intermediate: 384,
		RopeTheta: 10000, NormEps: 1e-5, MaxPositions: 512, TiedHead: true,
	},
	"qwen2.5-0.5b": {
		Vocab: 151936, Hidden: 896, Layers: 24, Heads: 14, KVHeads: 2, HeadDim: 64, Intermediate: 4864,
		RopeTheta: 1e6, NormEps: 1e-6, MaxPositions: 32768, TiedHead: true,
	},
	"llama3-1b": {
		Vocab: 128256, Hidden: 2048, Layers: 16, Heads: 32, KVHeads: 8, HeadDim: 64, Intermediate: 8192,
		RopeTheta: 500000, NormEps: 1e-5, MaxPositions: 131072, TiedHead: true,
		RopeScaling: engine.RopeScaling{Factor: 32, LowFreqFactor: 1, HighFreqFactor: 4, OriginalMaxPositions: 8192},
	},
	"llama3-8b": {
		Vocab: 128256, Hidden: 4096, Layers: 32, Heads: 32, KVHeads: 8, HeadDim: 128, Intermediate: 14336,
		RopeTheta: 500000, NormEps: 1e-5, MaxPositions: 8192,
	},
	"llama3-70b": {
		Vocab: 128256, Hidden: 8192, Layers: 80, Heads: 64, KVHeads: 8, HeadDim: 128, Intermediate: 28672,
		RopeTheta: 500000, NormEps: 1e-5, MaxPositions: 8192,
	},
}

// Shapes lists the names of the shapes.
func Shapes() []string { return slices.Sorted(maps.Keys(shapes)) }

// ShapeOf returns the shape of that name.
func ShapeOf(name string) (engine.Shape, error) {
	s, ok := shapes[name]
	if !ok {
		return s, fmt.Errorf("shape %s: %w: there are %s", name, ErrShape, strings.Join(Shapes(), ", "))
	}
	return s, nil
}
