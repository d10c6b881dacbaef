//go:build cuda

package cuda

// #include "launch.h"
import "C"

import (
	"fmt"
	"unsafe"

	"gorgonia.org/cu"

	"daybook/engine/cuda/kernels"
)

// function is a kernel of a loaded image.
type function struct {
	cu.Function
	name   string
	shared int // bytes of dynamic shared memory that it may have
}

// kernel is fn for a kernel that is the same for all compute types.
func (b *Backend) kernel(op, name string) (*function, error) {
	if b.rehearsal != nil {
		return &function{name: name}, nil
	}
	if f, ok := b.functions[name]; ok {
		return f, nil
	}
	m, ok := b.modules[op]
	if !ok {
		image, err := kernels.Image(b.arch, op)
		if err != nil {
			return nil, err
		}
		if m, err = cu.LoadData(string(image)); err != nil {
			return nil, fmt.Errorf("kernel image %s/%s: %w", b.arch, op, err)
		}
		b.modules[op] = m
	}
	f, err := m.Function(name)
	if err != nil {
		return nil, fmt.Errorf("kernel %s in image %s/%s: %w", name, b.arch, op, err)
	}
	b.functions[name] = &function{Function: f, name: name, shared: defaultShared}
	return b.functions[name], nil
}

// defaultShared is the dynamic shared memory that a kernel may have without asking.
const defaultShared = 48 << 10 // bytes

// queue queues f; early says that it may begin before what is in front of it has ended.
func (b *Backend) queue(f *function, grid [3]int, threads, sharedBytes int, early bool, args []any) error {
	if b.rehearsal != nil {
		return nil
	}
	if err := b.prepare(f, sharedBytes, args); err != nil {
		return err
	}
	if len(b.slots) == 0 || len(b.slots) > C.MAX_PARAMETERS {
		return fmt.Errorf("%s: %d parameters", f.name, len(b.slots))
	}
	code := C.launch_kernel(*(*C.CUfunction)(unsafe.Pointer(&f.Function)), C.uint(grid[0]), C.uint(grid[1]), C.uint(grid[2]), C.uint(threads),
		C.uint(sharedBytes), *(*C.CUstream)(unsafe.Pointer(&b.stream)), (*C.uint64_t)(&b.slots[0]), C.int(len(b.slots)), C.int(flag(early)))
	if err := failure(code); err != nil {
		return fmt.Errorf("%s: grid of %v blocks of %d threads: %w", f.name, grid, threads, err)
	}
	return nil
}

// prepare lets f have its shared memory and puts args into b.slots.
func (b *Backend) prepare(f *function, sharedBytes int, args []any) error {
	if sharedBytes > f.shared {
		if err := setSharedMemory(f.Function, sharedBytes); err != nil {
			return fmt.Errorf("%s: %d bytes of shared memory: %w", f.name, sharedBytes, err)
		}
		f.shared = sharedBytes
	}
	b.slots = b.slots[:0]
	for _, a := range args {
		switch v := a.(type) {
		case matrix:
			b.slots = append(b.slots, uint64(v.ptr), uint64(v.stride))
		case pointer:
			b.slots = append(b.slots, uint64(v))
		case int:
			b.slots = append(b.slots, uint64(v))
		case int32:
			b.slots = append(b.slots, uint64(uint32(v)))
		case uint32:
			b.slots = append(b.slots, uint64(v))
		case float32:
			b.slots = append(b.slots, uint64(*(*uint32)(unsafe.Pointer(&v))))
		case [2]uint32:
			b.slots = append(b.slots, uint64(v[0]), uint64(v[1]))
		default:
			return fmt.Errorf("%s: argument of type %T", f.name, a)
		}
	}
	return nil
}
