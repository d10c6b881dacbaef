package cuda

import (
	"fmt"
	"slices"

	"daybook/engine"
)

// Supports returns an error if sequences of so many tokens need what this backend
// lacks in models of shape s: attention over a window, once it sees less than all.
func Supports(s engine.Shape, tokens int) error {
	if s.Window == 0 || tokens <= s.Window {
		return nil
	}
	return hinted{
		fmt.Errorf("a sequence of %d tokens: attention over a window, which is of %d tokens in this model, is on the CPU backend only so far", tokens, s.Window),
		fmt.Sprintf("keep to sequences of %d tokens (train.max_seq_len), or use --device cpu", s.Window),
	}
}

// beyondWindow is Supports for the documents of b.
func beyondWindow(b *engine.Batch, s engine.Shape) error {
	if s.Window == 0 {
		return nil
	}
	return Supports(s, int(slices.Max(b.Positions))+1)
}
