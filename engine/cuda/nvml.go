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

// ProcessMemory returns what this process takes of the device's memory as NVML
// sees it, contexts and libraries included, and what all processes take
// together. A container that hides process numbers from NVML leaves process at
// -1: then only all is known.
func (b *Backend) ProcessMemory() (process, all int64, err error) {
	process, all, err = b.device.processMemory()
	if err != nil {
		return 0, 0, fmt.Errorf("cuda: device %d: %w", b.options.Device, err)
	}
	return process, all, nil
}

func (g *gpu) processMemory() (process, all int64, err error) {
	if err := loadNVML(); err != nil {
		return 0, 0, err
	}
	id, err := busID(g.handle)
	if err != nil {
		return 0, 0, fmt.Errorf("PCI bus: %w", err)
	}
	bus := C.CString(id)
	defer C.free(unsafe.Pointer(bus))
	var mine, total C.longlong
	if code := C.nvml_memory(bus, C.uint(os.Getpid()), &mine, &total); code != 0 {
		return 0, 0, fmt.Errorf("NVML: memory: code %d", int(code))
	}
	return int64(mine), int64(total), nil
}

// used is what all processes take of the device's memory together.
func (g *gpu) used() (int64, error) {
	_, all, err := g.processMemory()
	return all, err
}
