//go:build cuda

package cuda

import (
	"math"
	"testing"
	"unsafe"

	"gorgonia.org/cu"
)

// TestLaunchArguments launches a kernel that writes its arguments back.
func TestLaunchArguments(t *testing.T) {
	for _, o := range everywhere(t) {
		t.Run(o.name(), func(t *testing.T) {
			b := start(t, o)
			var got [10]uint64
			err := b.run("launch", func() error {
				to, err := b.scratch("test", int64(unsafe.Sizeof(got)))
				if err != nil {
					return err
				}
				f, err := b.kernel("launch", "launch_arguments")
				if err != nil {
					return err
				}
				const shared = 100 << 10 // more than a kernel gets without asking
				err = b.launch(f, [3]int{3, 2, 1}, 96, shared, matrix{ptr: to, stride: 1 << 40}, pointer(0x123456789abcdef), -5<<33,
					int32(-7), uint32(0xfffffff0), float32(-1.5), [2]uint32{11, 0xffffffff})
				if err != nil {
					return err
				}
				if err := cu.MemcpyDtoHAsync(unsafe.Pointer(&got), cu.DevicePtr(to), int64(unsafe.Sizeof(got)), b.stream); err != nil {
					return err
				}
				return b.wait()
			})
			if err != nil {
				t.Fatal(err)
			}
			minus := -5 << 33
			want := [10]uint64{
				1 << 40, 0x123456789abcdef, uint64(minus), math.MaxUint64 - 6, 0xfffffff0,
				uint64(math.Float32bits(-1.5)), 11, 0xffffffff, 30201, 96,
			}
			if got != want {
				t.Errorf("the kernel got\n%x, want\n%x", got, want)
			}
		})
	}
}

func TestLaunchErrors(t *testing.T) {
	for _, o := range everywhere(t) {
		t.Run(o.name(), func(t *testing.T) {
			b := start(t, o)
			if _, err := b.kernel("launch", "launch_nothing"); err == nil {
				t.Error("found a kernel that does not exist")
			}
			if _, err := b.kernel("nothing", "launch_arguments"); err == nil {
				t.Error("found an operation that does not exist")
			}
			err := b.run("launch", func() error {
				f, err := b.kernel("launch", "launch_arguments")
				if err != nil {
					return err
				}
				if b.launch(f, [3]int{1, 1, 1}, 32, 0, "text") == nil {
					t.Error("launched with an argument of type string")
				}
				if b.launch(f, [3]int{1, 1, 1}, 32, b.device.shared+1) == nil {
					t.Error("launched with more shared memory than there is")
				}
				return b.launch(f, [3]int{1, 1, 1}, 4096, 0)
			})
			if err == nil {
				t.Error("launched 4096 threads a block")
			}
			// A refused launch harms nothing.
			if err := b.Sync(); err != nil {
				t.Error(err)
			}
		})
	}
}
