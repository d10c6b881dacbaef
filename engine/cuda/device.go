//go:build cuda

package cuda

import (
	"fmt"

	"gorgonia.org/cu"

	"daybook/engine/cuda/kernels"
)

// gpu is a device as the driver knows it.
type gpu struct {
	handle       cu.Device
	name         string
	major, minor int // compute capability
	processors   int // streaming multiprocessors
	shared       int // bytes of shared memory that a block may have
	memory       int64
}

// Devices returns the GPUs that the driver shows this process, in its order. It
// returns an error wrapping ErrUnavailable where there is no driver.
func Devices() ([]Device, error) {
	if err := loadDriver(); err != nil {
		return nil, fmt.Errorf("cuda: %w", err)
	}
	n, err := cu.NumDevices()
	if err != nil {
		return nil, fmt.Errorf("cuda: %w", err)
	}
	var all []Device
	for i := range n {
		g, err := openGPU(i)
		if err != nil {
			return nil, fmt.Errorf("cuda: %w", err)
		}
		_, unfit := g.architecture()
		all = append(all, Device{
			Index: i, Name: g.name, Memory: g.memory,
			Capability: fmt.Sprintf("%d.%d", g.major, g.minor), Unfit: unfit,
		})
	}
	return all, nil
}

// Usable tells whether device number index has what Open needs: kernels for its
// architecture, and cuBLASLt.
func Usable(index int) error {
	g, err := openGPU(index)
	if err == nil {
		_, err = g.architecture()
	}
	if err == nil {
		err = loadProducts()
	}
	if err != nil {
		return fmt.Errorf("cuda: %w", err)
	}
	return nil
}

// openGPU starts the driver and returns device number index.
func openGPU(index int) (*gpu, error) {
	if err := loadDriver(); err != nil {
		return nil, err
	}
	n, err := cu.NumDevices()
	if err != nil {
		return nil, err
	}
	if index < 0 || index >= n {
		return nil, unavailable(fmt.Sprintf("device %d: the driver shows %d", index, n),
			"list the devices with `daybook doctor`; CUDA_VISIBLE_DEVICES hides some")
	}
	g := &gpu{}
	if g.handle, err = cu.GetDevice(index); err != nil {
		return nil, fmt.Errorf("device %d: %w", index, err)
	}
	if g.name, err = g.handle.Name(); err != nil {
		return nil, fmt.Errorf("device %d: name: %w", index, err)
	}
	if g.memory, err = g.handle.TotalMem(); err != nil {
		return nil, fmt.Errorf("device %d: memory: %w", index, err)
	}
	for to, attribute := range map[*int]cu.DeviceAttribute{
		&g.major:      cu.ComputeCapabilityMajor,
		&g.minor:      cu.ComputeCapabilityMinor,
		&g.processors: cu.MultiprocessorCount,
		&g.shared:     maxSharedMemory,
	} {
		if *to, err = g.handle.Attribute(attribute); err != nil {
			return nil, fmt.Errorf("device %d: %w", index, err)
		}
	}
	return g, nil
}

// maxSharedMemory is CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, which cu doesn't name.
const maxSharedMemory cu.DeviceAttribute = 97

// architecture returns which kernel images the device runs: those made for it,
// or the portable ones, which the driver compiles.
func (g *gpu) architecture() (string, error) {
	switch {
	case g.major < 8:
		return "", unavailable(fmt.Sprintf("%s has compute capability %d.%d, and the kernels need 8.0", g.name, g.major, g.minor),
			"use an NVIDIA GPU of the Ampere generation (2020) or later")
	case g.major == 9 && g.minor == 0:
		return "sm_90a", nil
	case g.major == 8 && (g.minor == 0 || g.minor == 6 || g.minor == 9):
		return fmt.Sprintf("sm_%d%d", g.major, g.minor), nil
	}
	return kernels.Portable, nil
}
