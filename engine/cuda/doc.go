// Package cuda is the backend for NVIDIA GPUs: the engine's operations in
// bfloat16 with float32 accumulation, or all in float32 for parity with the CPU.
//
// It computes in a binary with the build tag cuda (`go build -tags cuda`); without
// the tag, and on a machine without a driver, Open returns ErrUnavailable. A binary
// with the tag runs anywhere: the driver, cuBLASLt and NVML are loaded when the
// first backend opens, and nothing of them is linked. What a backend takes of a
// device's memory is planned without any of that, in every binary; see Plan.
//
// The kernels are our own, compiled ahead of time and embedded (see package
// kernels); large matrix products are cuBLASLt's. Every result is a function of
// its inputs alone: no floating-point atomics, sums in a fixed order, and one
// algorithm for a product whatever the number of tokens.
//
// It knows nothing about models or training; package model calls it.
package cuda

import "daybook/engine"

// Options configure a backend.
type Options struct {
	// Device is the index of the GPU, as the driver counts them.
	Device int
	// Compute is the type of activations and products: "bfloat16" (also if
	// empty) or "float32", the slow mode for parity with the CPU.
	Compute string
	// Memory caps what the process may take on the device, in bytes, context
	// and libraries included; 0 means all that is free.
	Memory int64
}

// numericsVersion rises whenever an operation's bits change.
const numericsVersion = 1

// Numerics returns the numerics class of every backend opened with o.
func (o Options) Numerics() engine.Numerics {
	compute := o.Compute
	if compute == "" {
		compute = "bfloat16"
	}
	return engine.Numerics{Backend: "cuda", Compute: compute, Version: numericsVersion}
}

// Device is a GPU that this process may use.
type Device struct {
	Index      int    // for Options.Device
	Name       string // as the driver has it
	Memory     int64  // bytes
	Capability string // compute capability, such as "9.0"
	Unfit      error  // why no kernels run on it, whatever is installed; nil if they do
}
