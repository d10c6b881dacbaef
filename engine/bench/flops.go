package bench

import (
	"slices"

	"daybook/engine"
)

// Work counts the floating-point operations of a training step, a multiply and
// an add as two, for each token. Norms, SwiGLU, softmax and the optimizer, which
// are a few thousandths, are left out.
type Work struct {
	// Model is what the mathematics needs: one forward pass, the gradients of all
	// activations, and those of the adapters. The base is frozen, so its weights
	// have none.
	Model float64
	// Recompute is what gradient checkpointing does once more, of all layers but the
	// last: what they share still holds that one's.
	Recompute float64
}

// TrainingWork returns the work for each token of documents of the given length.
// Attention is causal: position t attends to t+1 positions.
func TrainingWork(s engine.Shape, l engine.LoRA, length int, c engine.Checkpointing) Work {
	// Scores and their product with v, of half of all pairs of positions.
	attention := 4 * float64(s.QDim()) * float64(length+1) / 2
	head := 2 * float64(s.Vocab) * float64(s.Hidden)
	all := projections
	layers := float64(s.Layers)

	// Backward: the gradient of each product's input, and of both halves of each
	// pair; of attention's four products two for each of the forward pass's.
	w := Work{Model: layers*(2*linear(s, all...)+3*low(s, l, all...)+3*attention) + 2*head}
	again := all[:engine.Down] // the last product is not needed again
	switch c {
	case engine.CheckpointFull:
		w.Recompute = linear(s, again...) + low(s, l, again...) + attention
	case engine.CheckpointSelective:
		w.Recompute = linear(s, engine.Gate, engine.Up) + low(s, l, engine.Gate, engine.Up)
	case engine.CheckpointNone, engine.CheckpointAuto:
	}
	w.Recompute *= layers - 1
	return w
}

// DecodingWork returns the work of one answer of so many tokens to a prompt: what
// every token that is fed meets of the layers, attending to itself and all before it,
// and the head once for each token of the answer, the last of which is never fed. Of the
// last layer a prompt needs keys and values alone but for its end; it is counted whole.
func DecodingWork(s engine.Shape, l engine.LoRA, prompt, tokens int) float64 {
	fed := float64(prompt + tokens - 1)
	attention := 4 * float64(s.QDim()) * fed * (fed + 1) / 2
	head := 2 * float64(s.Vocab) * float64(s.Hidden)
	return float64(s.Layers)*(fed*(linear(s, projections...)+low(s, l, projections...))+attention) + float64(tokens)*head
}

var projections = []engine.Projection{engine.Q, engine.K, engine.V, engine.O, engine.Gate, engine.Up, engine.Down}

// linear returns the work of products with the base for each token.
func linear(s engine.Shape, of ...engine.Projection) (n float64) {
	for _, p := range of {
		rows, cols := p.Dims(s)
		n += 2 * float64(rows) * float64(cols)
	}
	return n
}

// low returns the work of products with adapters for each token.
func low(s engine.Shape, l engine.LoRA, of ...engine.Projection) (n float64) {
	for _, p := range of {
		if rows, cols := p.Dims(s); slices.Contains(l.Targets, p) {
			n += 2 * float64(l.Rank) * float64(rows+cols)
		}
	}
	return n
}
