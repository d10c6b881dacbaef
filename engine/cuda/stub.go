//go:build !cuda

package cuda

import (
	"fmt"

	"daybook/engine"
)

// Open fails: this binary was built without CUDA.
func Open(engine.Shape, Options) (engine.Backend, error) {
	return nil, fmt.Errorf("cuda: %w", notBuilt)
}

// Usable fails: this binary was built without CUDA.
func Usable(int) error { return fmt.Errorf("cuda: %w", notBuilt) }

var notBuilt = unavailable("this binary was built without CUDA", "build it with `go build -tags cuda .`, which needs a C compiler and the headers of CUDA 11.8 or later")

// Devices fails: this binary was built without CUDA.
func Devices() ([]Device, error) { return nil, fmt.Errorf("cuda: %w", notBuilt) }
