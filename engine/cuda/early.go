//go:build cuda

package cuda

// #include <stdint.h>
// #include <cuda.h>
//
// enum { MAX_PARAMETERS = 64 };
//
// // launch_early launches f on stream, to begin before the kernel in front of it has ended.
// static CUresult launch_early(CUfunction f, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned shared,
//                              CUstream stream, uint64_t *slots, int n) {
//   void *parameters[MAX_PARAMETERS];
//   for (int i = 0; i < n; i++)
//     parameters[i] = slots + i;
//   CUlaunchAttribute early = {.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION};
//   early.value.programmaticStreamSerializationAllowed = 1;
//   CUlaunchConfig config = {.gridDimX = x, .gridDimY = y, .gridDimZ = z, .blockDimX = threads, .blockDimY = 1,
//                            .blockDimZ = 1, .sharedMemBytes = shared, .hStream = stream, .attrs = &early, .numAttrs = 1};
//   return cuLaunchKernelEx(&config, f, parameters, NULL);
// }
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
