package cuda

import (
	"errors"
	"fmt"

	"daybook/engine"
)

const onTheCPU = "train and evaluate it with --device cpu, which has all architectures"

// Supports returns an error if models of shape s need an operation that this
// backend lacks: biases (Qwen2) and norms of heads (Qwen3). A window is fine as
// long as documents fit in it; see beyondWindow.
func Supports(s engine.Shape) error {
	switch {
	case s.QKVBias:
		return hinted{errors.New("the bias of queries, keys and values that this model has is on the CPU backend only so far"), onTheCPU}
	case s.HeadNorm:
		return hinted{errors.New("the norm of each head of queries and keys that this model has is on the CPU backend only so far"), onTheCPU}
	}
	return nil
}

// beyondWindow returns an error if a token of b would see less than all before
// it, which attention here does not know how to do.
func beyondWindow(b *engine.Batch, s engine.Shape) error {
	for t, position := range b.Positions {
		if s.Window > 0 && int(position) >= s.Window {
			return hinted{fmt.Errorf("token %d at position %d: attention over a window, which is of %d tokens in this model, is on the CPU backend only so far",
				t, position, s.Window), fmt.Sprintf("keep to sequences of %d tokens (train.max_seq_len), or use --device cpu", s.Window)}
		}
	}
	return nil
}
