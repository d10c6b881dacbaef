package checkpoint

import (
	"errors"
	"fmt"
	"runtime/debug"
)

var errFault = errors.New("reading it failed: the file became shorter, or its disk has an error")

// view returns the tensor called name without copying it: its data is the file's,
// read when it is looked at, by functions that guard calls, and valid until Close.
func (f *File) view(name string) (Tensor, error) {
	info, ok := f.Tensors[name]
	if !ok {
		return Tensor{}, fmt.Errorf("checkpoint: %s: no tensor %q", f.Path, name)
	}
	f.once.Do(func() { f.mapped, f.mapErr = mapFile(f.file, f.size) })
	if f.mapErr != nil {
		return Tensor{}, fmt.Errorf("checkpoint: %s: %w", f.Path, f.mapErr)
	}
	return Tensor{DType: info.DType, Shape: info.Shape, Data: f.mapped[f.data+info.Start : f.data+info.End]}, nil
}

// done tells the system that the tensor's bytes are not wanted any more.
func (f *File) done(name string) {
	info := f.Tensors[name]
	forget(f.mapped, f.data+info.Start, f.data+info.End)
}

// guard calls read, in which looking at a view that the file no longer has behind
// it is an error instead of the end of the process.
func guard(read func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch fault := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }:
			err = errFault
		default:
			panic(fault)
		}
	}()
	return read()
}
