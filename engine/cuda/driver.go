//go:build cuda

package cuda

// #cgo CFLAGS: -I${SRCDIR}/include -I/usr/local/cuda/include -I/opt/cuda/include
// #cgo LDFLAGS: -L${SRCDIR}/lib -Wl,--as-needed -ldl
// #include <stdlib.h>
// #include <cuda.h>
// #include "driver.h"
import "C"

import (
	"runtime"
	"sync"
	"unsafe"

	"gorgonia.org/cu"
)

// loadDriver loads and starts the driver, once in the life of the process.
var loadDriver = sync.OnceValue(func() error {
	if why := C.driver_load(); why != nil {
		return unavailable("the NVIDIA driver: "+C.GoString(why), "install the NVIDIA driver, version 525 or later")
	}
	if code := C.driver_init(); code != 0 {
		return unavailable("the NVIDIA driver does not start: "+C.GoString(C.driver_error(code)),
			"see whether nvidia-smi lists a GPU, and whether this user or container may use it")
	}
	return nil
})

// What gorgonia.org/cu lacks.

// failure turns a result of the driver into an error, the same that cu has.
func failure(code C.CUresult) error {
	if code == C.CUDA_SUCCESS {
		return nil
	}
	return sameType(cu.OutOfMemory, int(code))
}

// sameType is code as an error of like's type, which cu doesn't export.
func sameType[T ~int](_ T, code int) T { return T(code) }

// fatal are the failures of a device that leave it of no use to this process:
// the driver reports them at some call after the one that is to blame, and at
// every call from then on.
var fatal = []error{
	cu.IllegalAddress, cu.IllegalInstruction, cu.MisalignedAddress, cu.InvalidAddressSpace, cu.InvalidPc, cu.Assert,
	cu.HardwareStackError, cu.LaunchFailed, cu.LaunchTimeout, cu.EccUncorrectable, cu.NvlinkUncorrectable, cu.ContextIsDestroyed,
}

// setSharedMemory lets f have so much dynamic shared memory a block.
func setSharedMemory(f cu.Function, bytes int) error {
	return failure(C.cuFuncSetAttribute(*(*C.CUfunction)(unsafe.Pointer(&f)),
		C.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, C.int(bytes)))
}

// copyRows queues a copy of rows of width bytes between rows pitch bytes apart
// on the device and rows that lie end to end in host memory.
func copyRows(s cu.Stream, device pointer, pitch int, host unsafe.Pointer, width, rows int, toDevice bool) error {
	c := C.CUDA_MEMCPY2D{WidthInBytes: C.size_t(width), Height: C.size_t(rows)}
	if toDevice {
		c.srcMemoryType, c.srcHost, c.srcPitch = C.CU_MEMORYTYPE_HOST, host, C.size_t(width)
		c.dstMemoryType, c.dstDevice, c.dstPitch = C.CU_MEMORYTYPE_UNIFIED, C.CUdeviceptr(device), C.size_t(pitch)
	} else {
		c.srcMemoryType, c.srcDevice, c.srcPitch = C.CU_MEMORYTYPE_UNIFIED, C.CUdeviceptr(device), C.size_t(pitch)
		c.dstMemoryType, c.dstHost, c.dstPitch = C.CU_MEMORYTYPE_HOST, host, C.size_t(width)
	}
	var pin runtime.Pinner // host, as c refers to it
	pin.Pin(host)
	defer pin.Unpin()
	return failure(C.cuMemcpy2DAsync(&c, stream(&s)))
}

// copyMatrix queues a copy of elements of so many bytes from src to dst, of the
// same rows and width, each on the device or in pinned host memory.
func copyMatrix(s cu.Stream, dst, src matrix, size int) error {
	c := C.CUDA_MEMCPY2D{WidthInBytes: C.size_t(src.width * size), Height: C.size_t(src.rows)}
	c.srcMemoryType, c.srcDevice, c.srcPitch = C.CU_MEMORYTYPE_UNIFIED, C.CUdeviceptr(src.ptr), C.size_t(src.stride*size)
	c.dstMemoryType, c.dstDevice, c.dstPitch = C.CU_MEMORYTYPE_UNIFIED, C.CUdeviceptr(dst.ptr), C.size_t(dst.stride*size)
	return failure(C.cuMemcpy2DAsync(&c, stream(&s)))
}

// stream is s as this package's C has it; cu's is a type of its own.
func stream(s *cu.Stream) C.CUstream { return *(*C.CUstream)(unsafe.Pointer(s)) }

// busID returns where device d sits on the PCI bus, as NVML names it.
func busID(d cu.Device) (string, error) {
	var id [32]C.char
	err := failure(C.cuDeviceGetPCIBusId(&id[0], C.int(len(id)), C.CUdevice(d)))
	return C.GoString(&id[0]), err
}
