// Package device opens the backend that a name asks for, so that nothing else
// needs to know which backends there are.
//
//	cpu               the processor
//	cuda:1            the second NVIDIA GPU, in bfloat16
//	cuda:1/float32    the same in float32, slowly, for parity with the processor
//	cuda              every NVIDIA GPU that kernels run on
//	auto              the same if there is one, else the processor
package device

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"daybook/engine"
	"daybook/engine/cpu"
	"daybook/engine/cuda"
)

// Device is one place to compute.
type Device struct {
	index   int    // of the GPU; -1 is the processor
	compute string // type that a GPU computes in; "" is its default
}

// CPU is the processor.
var CPU = Device{index: -1}

// ErrName reports a name that is no device's.
var ErrName = errors.New("no such device")

// nameError is an ErrName with advice.
type nameError struct{ error }

func (nameError) Hint() string {
	return "a device is auto, cpu, cuda, cuda:N, or cuda:N/float32; `daybook doctor` lists the GPUs"
}
func (e nameError) Unwrap() error { return e.error }

// Parse returns the device that name names; it need not exist here.
func Parse(name string) (Device, error) {
	if name == "cpu" {
		return CPU, nil
	}
	rest, isCUDA := strings.CutPrefix(name, "cuda:")
	number, compute, _ := strings.Cut(rest, "/")
	index, err := strconv.Atoi(number)
	if !isCUDA || err != nil || index < 0 || compute != "" && compute != "float32" && compute != "bfloat16" {
		return Device{}, nameError{fmt.Errorf("device %s: %w", name, ErrName)}
	}
	if compute == "bfloat16" {
		compute = ""
	}
	return Device{index: index, compute: compute}, nil
}

// Resolve returns the devices that name stands for on this machine, at least one.
// Of auto and cuda these are the GPUs that kernels run on: PassedOver tells of others.
func Resolve(name string) ([]Device, error) {
	all, _, err := resolve(name, cuda.Devices)
	return all, err
}

// PassedOver says why GPUs of this machine, such as an old one for the display, are
// none of those that name, which is auto or cuda, stands for; nil if all are.
func PassedOver(name string) []error {
	_, passed, err := resolve(name, cuda.Devices)
	if err != nil {
		return nil // as Resolve says
	}
	return passed
}

// resolve does both for the GPUs that list finds.
func resolve(name string, list func() ([]cuda.Device, error)) (all []Device, passed []error, err error) {
	kind, compute, _ := strings.Cut(name, "/")
	if kind != "auto" && kind != "cuda" {
		d, err := Parse(name)
		if err != nil {
			return nil, nil, err
		}
		return []Device{d}, nil, nil
	}
	if _, err := Parse("cuda:0/" + compute); compute != "" && err != nil {
		return nil, nil, nameError{fmt.Errorf("device %s: %w", name, ErrName)}
	}
	gpus, err := list()
	switch {
	case kind == "auto" && errors.Is(err, cuda.ErrUnavailable):
		return []Device{CPU}, nil, nil
	case err != nil:
		return nil, nil, fmt.Errorf("device %s: %w", name, err)
	}
	for _, g := range gpus {
		if g.Unfit != nil {
			passed = append(passed, fmt.Errorf("cuda:%d: %w", g.Index, g.Unfit))
			continue
		}
		all = append(all, Device{index: g.Index, compute: strings.TrimPrefix(compute, "bfloat16")})
	}
	switch {
	case len(all) > 0:
		return all, passed, nil
	case kind == "auto":
		return []Device{CPU}, passed, nil
	case len(passed) > 0:
		return nil, nil, fmt.Errorf("device %s: %w", name, passed[0])
	}
	return nil, nil, nameError{fmt.Errorf("device %s: the driver shows no GPU: %w", name, ErrName)}
}

// String returns the name, as Parse reads it.
func (d Device) String() string {
	switch {
	case d == CPU:
		return "cpu"
	case d.compute == "":
		return fmt.Sprintf("cuda:%d", d.index)
	}
	return fmt.Sprintf("cuda:%d/%s", d.index, d.compute)
}

// Numerics returns the numerics class of the backends that d opens.
func (d Device) Numerics() engine.Numerics {
	if d == CPU {
		return cpu.Numerics()
	}
	return cuda.Options{Compute: d.compute}.Numerics()
}

// Options say how much of a device to use. They change no result.
type Options struct {
	Threads int   // of the processor; 0 means all
	Memory  int64 // bytes that the process may take on a GPU; 0 means all that is free
}

// Open returns a backend for models of shape s. It fails where the device is absent.
func (d Device) Open(s engine.Shape, o Options) (engine.Backend, error) {
	if d == CPU {
		return cpu.Open(s, cpu.Options{Threads: o.Threads})
	}
	return cuda.Open(s, cuda.Options{Device: d.index, Compute: d.compute, Memory: o.Memory})
}
