//go:build cuda

package cuda

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"gorgonia.org/cu"

	"daybook/engine"
	"daybook/engine/cuda/kernels"
)

var errClosed = errors.New("the backend is closed")

// hardware is the GPU of a backend and what the backend has on it.
type hardware struct {
	device    *gpu // nil for a backend that only plans
	context   cu.CUContext
	stream    cu.Stream
	copies    cu.Stream // of Copy, beside the operations
	order     cu.Event  // between the two
	before    int64     // bytes of device memory in use before the backend opened
	opened    int64     // bytes that the process took when it had
	memory    memory
	reserved  []gemmShape // the products of what Reserve was last called for
	products  *products
	modules   map[string]cu.Module
	functions map[string]*function
	slots     []uint64 // of a launch's parameters

	err    error // of a device that failed, which wraps engine.ErrDeviceLost; sticky
	closed bool
}

var (
	_ engine.Backend = (*Backend)(nil)
	_ engine.Freer   = (*Backend)(nil)
	_ engine.Packer  = (*Backend)(nil)
)

// Open returns a backend for models of shape s. Its error wraps ErrUnavailable
// where there is no driver or no device.
func Open(s engine.Shape, o Options) (engine.Backend, error) {
	b, err := open(s, o)
	if err != nil {
		return nil, fmt.Errorf("cuda: %w", err)
	}
	return b, nil
}

func open(s engine.Shape, o Options) (*Backend, error) { return openWith(s, o, "") }

// openWith is open with the kernel images of an architecture other than the
// device's own, if arch is not empty: so a test can try those for other devices.
func openWith(s engine.Shape, o Options, arch string) (*Backend, error) {
	b, err := newBackend(s, o)
	if err != nil {
		return nil, err
	}
	b.modules, b.functions = map[string]cu.Module{}, map[string]*function{}
	g, err := openGPU(o.Device)
	if err != nil {
		return nil, err
	}
	if b.arch, err = g.architecture(); err != nil {
		return nil, fmt.Errorf("device %d: %w", o.Device, err)
	}
	if arch != "" {
		b.arch = arch
	}
	b.device = g
	if m, err := g.memoryInUse(); err == nil {
		b.before = m.all
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// The primary context, so that backends of one device share it.
	if b.context, err = g.handle.RetainPrimaryCtx(); err != nil {
		return nil, fmt.Errorf("device %d: context: %w", o.Device, err)
	}
	if err := b.start(); err != nil {
		_ = b.stop() // the first error says more
		return nil, fmt.Errorf("device %d: %w", o.Device, err)
	}
	return b, nil
}

// start makes what lives in the context.
func (b *Backend) start() error {
	err := cu.SetCurrentContext(b.context)
	if err != nil {
		return err
	}
	if b.stream, err = cu.MakeStream(cu.NonBlocking); err != nil {
		return fmt.Errorf("stream: %w", err)
	}
	if b.copies, err = cu.MakeStream(cu.NonBlocking); err != nil {
		return fmt.Errorf("stream: %w", err)
	}
	if b.order, err = cu.MakeEvent(cu.DisableTiming); err != nil {
		return fmt.Errorf("event: %w", err)
	}
	if b.products, err = newProducts(); err != nil {
		return err
	}
	b.opened, err = b.taken()
	return err
}

// stop ends what start made, and the hold on the context.
func (b *Backend) stop() error {
	var all []error
	if b.stream != (cu.Stream{}) {
		all = append(all, b.stream.Synchronize())
	}
	if b.products != nil {
		all = append(all, b.products.close())
	}
	all = append(all, b.memory.close())
	for _, m := range b.modules {
		all = append(all, m.Unload())
	}
	for _, s := range []*cu.Stream{&b.stream, &b.copies} {
		if *s != (cu.Stream{}) {
			all = append(all, s.Destroy())
		}
	}
	if b.order != (cu.Event{}) {
		all = append(all, cu.DestroyEvent(&b.order))
	}
	return errors.Join(append(all, b.device.handle.ReleasePrimaryCtx())...)
}

// run does the work of one method: it makes the device's context current on
// this thread for f, refuses to go on after an earlier failure, and names the
// operation in an error. Every method that touches the device goes through it.
func (b *Backend) run(operation string, f func() error) error {
	b.working().begin()
	switch {
	case b.rehearsal != nil, b.device == nil:
		if err := f(); err != nil {
			return fmt.Errorf("%s: %w", operation, err)
		}
		return nil
	case b.closed:
		return fmt.Errorf("%s: %w", operation, errClosed)
	case b.err != nil:
		return fmt.Errorf("%s: after an earlier failure: %w", operation, b.err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cu.SetCurrentContext(b.context)
	if err == nil {
		err = f()
	}
	// What f refers to stays until it is done: it works with addresses, and an
	// allocation in the middle of it frees what nothing refers to.
	runtime.KeepAlive(f)
	if err != nil {
		return fmt.Errorf("%s: %w", operation, b.judge(err))
	}
	return nil
}

// judge returns err, or if the device failed what is said of that from now on: no
// operation after it can be trusted.
func (b *Backend) judge(err error) error {
	if b.err == nil && slices.ContainsFunc(fatal, func(f error) bool { return errors.Is(err, f) }) {
		return b.lose(err)
	}
	return err
}

// lose remembers that the device failed, and returns what is said of that.
func (b *Backend) lose(err error) error {
	b.err = hinted{
		fmt.Errorf("device %d: %w: %w", b.options.Device, engine.ErrDeviceLost, err),
		"run it again in a new process; if it fails again, see what the system's log and `nvidia-smi -q` say of the GPU",
	}
	return b.err
}

// free is run for what gives memory back. That of a device that failed is gone.
func (b *Backend) free(operation string, f func() error) error {
	if b.err != nil {
		return nil
	}
	return b.run(operation, f)
}

// wait waits for everything that was queued.
func (b *Backend) wait() error {
	for _, s := range []cu.Stream{b.stream, b.copies} {
		if err := s.Synchronize(); err != nil {
			return b.lose(err)
		}
	}
	return nil
}

// Describe implements engine.Backend. After Reserve it says how the products of
// that work are computed.
func (b *Backend) Describe() map[string]string {
	return map[string]string{
		"gpu":        b.device.name,
		"device":     strconv.Itoa(b.options.Device),
		"capability": fmt.Sprintf("%d.%d", b.device.major, b.device.minor),
		"driver":     fmt.Sprintf("%d.%d", cu.Version()/1000, cu.Version()/10%100),
		"cublaslt":   productsVersion(),
		"kernels":    b.arch + " " + kernels.Digest()[:12],
		"products":   strings.Join(algorithms(b.products.of(b.reserved)), "; "),
	}
}

// Sync implements engine.Backend.
func (b *Backend) Sync() error { return b.run("sync", b.wait) }

// Close implements engine.Backend. It frees everything that the backend made. A
// device's failure was reported by the operation that met it.
func (b *Backend) Close() error {
	if b.closed {
		return nil
	}
	b.closed = true
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cu.SetCurrentContext(b.context); err != nil {
		return fmt.Errorf("cuda: close: %w", err)
	}
	if err := b.stop(); err != nil && b.err == nil {
		return fmt.Errorf("cuda: close: %w", b.judge(err))
	}
	return nil
}
