//go:build cuda

package cuda

// #include "early.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// launchEarly is launch for a kernel that itself waits for the one in front of it
// (griddepcontrol.wait), as images for Hopper can: the device may start its blocks
// while that one still runs. With other images it is launch.
func (b *Backend) launchEarly(f *function, grid [3]int, threads, sharedBytes int, args ...any) error {
	if b.rehearsal != nil || b.arch != "sm_90a" {
		return b.launch(f, grid, threads, sharedBytes, args...)
	}
	if err := b.prepare(f, sharedBytes, args); err != nil {
		return err
	}
	if len(b.slots) > C.MAX_PARAMETERS {
		return fmt.Errorf("%s: %d parameters", f.name, len(b.slots))
	}
	code := C.launch_early(*(*C.CUfunction)(unsafe.Pointer(&f.Function)), C.uint(grid[0]), C.uint(grid[1]), C.uint(grid[2]), C.uint(threads),
		C.uint(sharedBytes), *(*C.CUstream)(unsafe.Pointer(&b.stream)), (*C.uint64_t)(&b.slots[0]), C.int(len(b.slots)))
	if err := failure(code); err != nil {
		return fmt.Errorf("%s: grid of %v blocks of %d threads, early: %w", f.name, grid, threads, err)
	}
	return nil
}
