package cli_test

import (
	"errors"
	"fmt"
	"os"
	"time"

	"daybook/engine"
	"daybook/engine/device"
)

// faultVariable names, in the environment, a file whose appearance makes the GPU
// of a worker fail. The first worker to see it removes it, so that one fails.
const faultVariable = "DAYBOOK_TEST_FAULT"

// awaitFault waits for that file while the process works.
func awaitFault(path string) {
	for os.Remove(path) != nil {
		time.Sleep(time.Millisecond)
	}
	if err := failGPU("cuda:0"); err != nil {
		fmt.Fprintf(os.Stderr, "no fault: %v\n", err)
		os.Exit(9)
	}
}

// failGPU runs a kernel of the engine on memory that was given back. All backends
// of a process and a device share a context, so none of them can go on then.
func failGPU(name string) error {
	d, err := device.Parse(name)
	if err != nil {
		return err
	}
	s := engine.Shape{Vocab: 8, Hidden: 8, Layers: 1, Heads: 1, KVHeads: 1, HeadDim: 8, Intermediate: 8, RopeTheta: 1, MaxPositions: 8}
	be, err := d.Open(s, device.Options{})
	if err != nil {
		return err
	}
	freer, ok := be.(engine.Freer)
	if !ok {
		return fmt.Errorf("%s gives nothing back", name)
	}
	table, err := be.NewWeight(engine.Matrix{Rows: s.Vocab, Cols: s.Hidden, F32: make([]float32, s.Vocab*s.Hidden)})
	if err != nil {
		return err
	}
	in, err := be.NewBatch(1, 1)
	if err != nil {
		return err
	}
	// So much that the driver takes it out of the address space.
	x, err := be.Allocate([]engine.BufferSpec{{Name: "x", Kind: engine.Activation, Len: 128 << 20}})
	if err != nil {
		return err
	}
	one := &engine.Batch{}
	one.Add([]int32{0}, nil, 0)
	if err := errors.Join(in.Load(one), freer.Free(x)); err != nil {
		return err
	}
	if err := errors.Join(be.Embed(in, table, x[0]), be.Sync()); err == nil {
		return fmt.Errorf("%s wrote to memory that it had given back", name)
	}
	return nil
}
