//go:build cuda

package cuda

// #include <stdlib.h>
// #include "nvml.h"
import "C"

import (
	"fmt"
	"os"
	"sync"
	"unsafe"
)

var loadNVML = sync.OnceValue(func() error {
	if why := C.nvml_load(); why != nil {
		return unavailable("NVML: "+C.GoString(why), "install the NVIDIA driver's management library, libnvidia-ml.so.1")
	}
	return nil
})

// inUse is how much of a device's memory is taken, in bytes, as NVML sees it.
type inUse struct {
	process    int64 // by this process, contexts and libraries included; -1: NVML doesn't know
	all, total int64 // by everybody, of so much
}

// memoryInUse asks NVML, which may be a moment behind.
func (g *gpu) memoryInUse() (inUse, error) {
	if err := loadNVML(); err != nil {
		return inUse{}, err
	}
	id, err := busID(g.handle)
	if err != nil {
		return inUse{}, fmt.Errorf("PCI bus: %w", err)
	}
	bus := C.CString(id)
	defer C.free(unsafe.Pointer(bus))
	var mine, all, total C.longlong
	if code := C.nvml_memory(bus, C.uint(os.Getpid()), &mine, &all, &total); code != 0 {
		return inUse{}, fmt.Errorf("NVML: memory: code %d", int(code))
	}
	return inUse{int64(mine), int64(all), int64(total)}, nil
}

// ProcessMemory returns what this process takes of the device's memory as NVML
// sees it, contexts and libraries included, and what all processes take
// together. A container that hides process numbers from NVML leaves process at
// -1: then only all is known. Both may be a moment behind.
func (b *Backend) ProcessMemory() (process, all int64, err error) {
	m, err := b.device.memoryInUse()
	if err != nil {
		return 0, 0, fmt.Errorf("cuda: device %d: %w", b.options.Device, err)
	}
	return m.process, m.all, nil
}
