//go:build !cuda

package cuda

import (
	"fmt"
	"unsafe"

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

// What follows takes the place of the driver in a backend that only plans: all of
// it happens in a rehearsal, which does nothing.

type (
	hardware struct{}
	loader   struct{}
	pinned   struct{}
	function struct{ name string }
)

func (b *Backend) run(operation string, f func() error) error {
	b.working().begin()
	if err := f(); err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	return nil
}

func (b *Backend) allocate(bytes int64) (*arena, error) { return b.rehearsal.allocate(bytes), nil }

func (hardware) kernel(_, name string) (*function, error) { return &function{name}, nil }

func (hardware) queue(*function, [3]int, int, int, bool, []any) error { return nil }

func (hardware) multiply(gemmShape, int, product) error { return nil }

func (hardware) upload2D(pointer, int, unsafe.Pointer, int, int) error { return nil }

func (hardware) download2D(pointer, int, unsafe.Pointer, int, int) error { return nil }

// Load implements engine.DeviceBatch.
func (loader) Load(*engine.Batch) error { return fmt.Errorf("batch: %w", notBuilt) }
