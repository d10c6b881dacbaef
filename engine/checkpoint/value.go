package checkpoint

import (
	"fmt"

	"daybook/engine"
)

// ValueError is a NaN or an infinity in a file. It wraps engine.ErrNonFinite.
type ValueError struct {
	Element int // of the tensor, in row-major order
	Value   float32
}

// Error says which element has which value.
func (e *ValueError) Error() string {
	return fmt.Sprintf("element %d is %g: %v", e.Element, e.Value, engine.ErrNonFinite)
}

// Unwrap returns engine.ErrNonFinite.
func (e *ValueError) Unwrap() error { return engine.ErrNonFinite }

// Hint returns what to do about it.
func (e *ValueError) Hint() string {
	return "the file is damaged, or its weights were broken when it was written: download it again, or take another"
}
