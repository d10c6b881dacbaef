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
	if err := loadNVML(); err != nil {
		return 0, 0, fmt.Errorf("cuda: %w", err)
	}
	id, err := busID(b.device.handle)
	if err != nil {
		return 0, 0, fmt.Errorf("cuda: bus of device %d: %w", b.options.Device, err)
	}
	bus := C.CString(id)
	defer C.free(unsafe.Pointer(bus))
	var mine, total C.longlong
	if code := C.nvml_memory(bus, C.uint(os.Getpid()), &mine, &total); code != 0 {
		return 0, 0, fmt.Errorf("cuda: NVML: memory of device %d: code %d", b.options.Device, int(code))
	}
	return int64(mine), int64(total), nil
}
