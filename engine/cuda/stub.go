//go:build !cuda

package cuda

import (
	"fmt"

	"daybook/engine"
)

// Open fails: this binary was built without CUDA.
func Open(engine.Shape, Options) (engine.Backend, error) {
	return nil, fmt.Errorf("cuda: %w: this binary was built without it; build with `go build -tags cuda .`", ErrUnavailable)
}
