//go:build cuda

package cuda

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"daybook/engine"
)

// faultVariable tells a child process to let a kernel fail: it would take the
// whole process's hold on the device with it.
const faultVariable = "CUDA_TEST_FAULT"

// TestDeviceLost has a kernel write where it may not, in a child process, and
// then uses the device from this one.
func TestDeviceLost(t *testing.T) {
	for _, o := range everywhere(t) {
		if os.Getenv(faultVariable) == o.name() {
			t.Run("fault", func(t *testing.T) { loseDevice(t, o) })
			return
		}
	}
	if os.Getenv(faultVariable) != "" {
		t.Fatal("no device of that name")
	}
	for _, o := range everywhere(t) {
		t.Run(o.name(), func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=TestDeviceLost$", "-test.v")
			cmd.Env = append(os.Environ(), faultVariable+"="+o.name())
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "--- PASS: TestDeviceLost/fault") {
				t.Errorf("%v\n%s", err, out)
			}
			if err := start(t, o).Sync(); err != nil {
				t.Errorf("in another process: %v", err)
			}
		})
	}
}

func loseDevice(t *testing.T, o Options) {
	t.Helper()
	b := start(t, o)
	fail := b.run("fault", func() error {
		f, err := b.kernel("launch", "launch_arguments")
		if err != nil {
			return err
		}
		nowhere := pointer(64) // the first page is nobody's
		return b.launch(f, [3]int{1, 1, 1}, 32, 1024, matrix{ptr: nowhere, stride: 1}, pointer(0), 0,
			int32(0), uint32(0), float32(0), [2]uint32{0, 0})
	})
	if fail != nil {
		t.Fatalf("the launch is refused, which shows nothing: %v", fail)
	}
	var hint interface{ Hint() string }
	err := b.Sync()
	if !errors.Is(err, engine.ErrDeviceLost) || !strings.Contains(err.Error(), "device ") || !errors.As(err, &hint) || hint.Hint() == "" {
		t.Errorf("sync: %v", err)
	}
	t.Log(err)
	_, err = b.Allocate([]engine.BufferSpec{{Name: "x", Len: 8}})
	if !errors.Is(err, engine.ErrDeviceLost) || !strings.Contains(err.Error(), "after an earlier failure") {
		t.Errorf("afterwards: %v", err)
	}
	// start closes the backend at the end, which must not fail once more.
}
