package cuda

import (
	"fmt"

	"daybook/engine"
)

// Backend computes on one GPU. It implements engine.Backend and is not safe for
// concurrent use; any goroutine may use it.
//
// What it needs of the driver is in hardware, which a binary without the build tag
// leaves empty: there a backend only plans. So do all others while they rehearse.
type Backend struct {
	hardware
	shape   engine.Shape
	options Options
	arch    string // of the kernel images, such as "sm_90a"
	bf16    bool   // compute type; else float32
	suffix  string // of kernels for the compute type: "bf16" or "f32"
	size    int    // bytes of an element of an Activation

	rehearsal *rehearsal // not nil while nothing is to be done
	workspace workspace
	rope      rope
	masks     masks // of dropout
}

// newBackend returns a backend without hardware.
func newBackend(s engine.Shape, o Options) (*Backend, error) {
	b := &Backend{shape: s, options: o}
	switch compute := o.Numerics().Compute; compute {
	case "bfloat16":
		b.bf16, b.suffix, b.size = true, "bf16", 2
	case "float32":
		b.suffix, b.size = "f32", 4
	default:
		return nil, fmt.Errorf("compute type %q: must be bfloat16 or float32", compute)
	}
	return b, s.Validate()
}

// Numerics implements engine.Backend.
func (b *Backend) Numerics() engine.Numerics { return b.options.Numerics() }
