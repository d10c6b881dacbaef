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
	var mine, all, total C.longlong
	err := g.ask("memory", func(bus *C.char) C.int { return C.nvml_memory(bus, C.uint(os.Getpid()), &mine, &all, &total) })
	return inUse{int64(mine), int64(all), int64(total)}, err
}

// ask puts a question about the device to NVML, which knows it by its place on the bus.
func (g *gpu) ask(what string, question func(bus *C.char) C.int) error {
	if err := loadNVML(); err != nil {
		return err
	}
	id, err := busID(g.handle)
	if err != nil {
		return fmt.Errorf("PCI bus: %w", err)
	}
	bus := C.CString(id)
	defer C.free(unsafe.Pointer(bus))
	if code := question(bus); code != 0 {
		return fmt.Errorf("NVML: %s: code %d", what, int(code))
	}
	return nil
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

// held names why clocks are not higher, by the bits of nvmlClocksEventReasons. That
// a device is idle, or that its user asked for these clocks, is no reason.
var held = []struct {
	bit  uint64
	name string
}{
	{0x4, "power cap"},
	{0x8, "hardware slowdown"},
	{0x20, "temperature"},
	{0x40, "hardware temperature limit"},
	{0x80, "power brake"},
}

// Clocks returns the present clocks of the device's multiprocessors and memory in
// MHz, and what keeps them from being higher, if anything does. Unlike a Backend's
// operations it may be asked from another goroutine.
func (b *Backend) Clocks() (sm, memory int, reasons []string, err error) {
	var clock, ram C.uint
	var bits C.ulonglong
	err = b.device.ask("clocks", func(bus *C.char) C.int { return C.nvml_clocks(bus, &clock, &ram, &bits) })
	if err != nil {
		return 0, 0, nil, fmt.Errorf("cuda: device %d: %w", b.options.Device, err)
	}
	for _, h := range held {
		if uint64(bits)&h.bit != 0 {
			reasons = append(reasons, h.name)
		}
	}
	return int(clock), int(ram), reasons, nil
}
