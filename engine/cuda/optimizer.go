//go:build cuda

package cuda

import (
	"errors"
	"fmt"
	"math"
	"unsafe"

	"gorgonia.org/cu"

	"daybook/engine"
	"daybook/engine/optim"
)

// optimizer is AdamW on the device, in place, exactly as package optim does it. It
// implements engine.Optimizer.
type optimizer struct {
	backend *Backend
	cfg     engine.OptimizerConfig
	params  []engine.Param
	plan    statePlan

	tables  *arena // pieces, first piece of each tensor, sums, verdict
	pieces  pointer
	starts  pointer // (tensors+1) int32, the first piece of each
	sums    pointer // (pieces) float64
	totals  pointer // (tensors) float64
	verdict pointer
	state   state
}

// state is where the moments live.
type state interface {
	// update runs step on all pages of the state, in order. step launches on
	// pieces first .. first+n; base is where the plan's byte 0 would be.
	update(step func(base pointer, first, n int) error) error
	// save copies the whole state to host memory, and load back.
	save(dst []byte) error
	load(src []byte) error
}

// verdict is struct verdict of adamw.cu.
type verdict struct {
	norm    float64
	clip    float32
	trouble int32
	tensor  int32
	step    int32
}

// Troubles of a step.
const (
	notFinite = 1
	overflow  = 2
)

// maxGradient is the clipped norm above which the state could become infinite; see package optim.
const maxGradient = 1e19

const (
	adamwThreads   = 256
	verdictThreads = 1024
)

// NewOptimizer implements engine.Backend.
func (b *Backend) NewOptimizer(cfg engine.OptimizerConfig, params []engine.Param) (engine.Optimizer, error) {
	o := &optimizer{backend: b, cfg: cfg, params: append([]engine.Param(nil), params...)}
	if err := b.run("optimizer", o.prepare); err != nil {
		return nil, err
	}
	return o, nil
}

// prepare cuts the tensors into pieces and puts tables and state on the device.
func (o *optimizer) prepare() (err error) {
	b := o.backend
	var values, grads []pointer
	var ops operands
	for _, p := range o.params {
		n := 0
		if p.Value != nil {
			n = p.Value.Len()
		}
		values, grads = append(values, ops.vector(p.Name, p.Value, n)), append(grads, ops.vector(p.Name+" gradient", p.Grad, n))
		if ops.err == nil && p.Grad.Len() != n {
			return fmt.Errorf("%s: %d values with %d gradients", p.Name, n, p.Grad.Len())
		}
		o.plan.add(p.Name, n, o.cfg.EightBit && n >= optim.MinEightBit, values[len(values)-1], grads[len(grads)-1])
	}
	if ops.err != nil {
		return ops.err
	}
	pieces, tensors := len(o.plan.pieces), len(o.params)
	sizes := []int64{
		int64(pieces) * int64(unsafe.Sizeof(piece{})),
		int64(tensors+1) * 4,
		int64(pieces) * 8,
		int64(tensors) * 8,
		int64(unsafe.Sizeof(verdict{})),
	}
	var bytes int64
	for _, n := range sizes {
		bytes += roundUp(n, 16)
	}
	if o.tables, err = b.allocate(bytes); err != nil {
		return err
	}
	at := o.tables.ptr
	for i, to := range []*pointer{&o.pieces, &o.starts, &o.sums, &o.totals, &o.verdict} {
		*to = at
		at = at.offset(int(roundUp(sizes[i], 16)))
	}
	if err := cu.MemsetD8Async(cu.DevicePtr(o.tables.ptr), 0, o.tables.bytes, b.stream); err != nil {
		return err
	}
	if pieces == 0 {
		o.state, err = b.newResidentState(&o.plan)
		return err
	}
	if err := b.upload2D(o.pieces, int(sizes[0]), unsafe.Pointer(&o.plan.pieces[0]), int(sizes[0]), 1); err != nil {
		return err
	}
	if err := b.upload2D(o.starts, int(sizes[1]), unsafe.Pointer(&o.plan.starts[0]), int(sizes[1]), 1); err != nil {
		return err
	}
	if o.cfg.Paged {
		o.state, err = b.newPagedState(&o.plan)
	} else {
		o.state, err = b.newResidentState(&o.plan)
	}
	return err
}

// Step implements engine.Optimizer. Nothing waits for the device: whether the
// gradients are good, and how far they are clipped, is decided there.
func (o *optimizer) Step(lr, maxNorm float64, t int) error {
	if t < 1 || math.IsNaN(lr) || math.IsInf(lr, 0) || maxNorm < 0 || math.IsNaN(maxNorm) {
		return fmt.Errorf("optimizer step %d: impossible learning rate %g or maximal norm %g", t, lr, maxNorm)
	}
	if len(o.plan.pieces) == 0 {
		return nil
	}
	b := o.backend
	return b.run("optimizer step", func() error {
		norm, err := b.kernel("adamw", "adamw_norm")
		if err != nil {
			return err
		}
		if err := b.launch(norm, [3]int{len(o.plan.pieces), 1, 1}, adamwThreads, 0, o.sums, o.pieces); err != nil {
			return err
		}
		decide, err := b.kernel("adamw", "adamw_verdict")
		if err != nil {
			return err
		}
		err = b.launch(decide, [3]int{1, 1, 1}, verdictThreads, 0, o.verdict, o.totals, o.sums, o.starts, len(o.params),
			double(maxNorm), double(maxGradient), int32(t))
		if err != nil {
			return err
		}
		step, err := b.kernel("adamw", "adamw_step")
		if err != nil {
			return err
		}
		f := optim.NewFactors(o.cfg, lr, t)
		return o.state.update(func(base pointer, first, n int) error {
			return b.launch(step, [3]int{n, 1, 1}, adamwThreads, 0, base, o.pieces.offset(first*int(unsafe.Sizeof(piece{}))), o.verdict,
				f.Beta1, f.Rest1, f.Beta2, f.Rest2, f.Rate, f.Epsilon, f.Decay)
		})
	})
}

// double is a float64 argument of a kernel, by its bits.
func double(x float64) int { return int(math.Float64bits(x)) }

// Result implements engine.Optimizer.
func (o *optimizer) Result() (float64, error) {
	var v verdict
	err := o.backend.run("optimizer result", func() error {
		return o.backend.download2D(o.verdict, int(unsafe.Sizeof(v)), unsafe.Pointer(&v), int(unsafe.Sizeof(v)), 1)
	})
	switch {
	case err != nil:
		return 0, err
	case v.trouble == notFinite:
		err = fmt.Errorf("gradient of %s at step %d: %w", o.params[v.tensor].Name, v.step, engine.ErrNonFinite)
	case v.trouble == overflow:
		err = fmt.Errorf("gradient of %s at step %d: norm %g overflows the state: %w", o.params[v.tensor].Name, v.step, v.norm, engine.ErrNonFinite)
	}
	return v.norm, err
}

// Quantized implements engine.Optimizer.
func (o *optimizer) Quantized() (eightBit, total int) { return o.plan.quantized() }

// State implements engine.Optimizer.
func (o *optimizer) State() ([]engine.StateTensor, error) {
	bytes := make([]byte, o.plan.bytes)
	if err := o.backend.run("optimizer state", func() error { return o.state.save(bytes) }); err != nil {
		return nil, err
	}
	tensors := o.plan.tensors()
	o.plan.gather(tensors, bytes)
	return tensors, nil
}

// Restore implements engine.Optimizer.
func (o *optimizer) Restore(from []engine.StateTensor) error {
	tensors := o.plan.tensors()
	if err := optim.Assign(tensors, from); err != nil {
		return err
	}
	bytes := make([]byte, o.plan.bytes)
	o.plan.scatter(bytes, tensors)
	return o.backend.run("optimizer restore", func() error {
		err := cu.MemsetD8Async(cu.DevicePtr(o.verdict), 0, int64(unsafe.Sizeof(verdict{})), o.backend.stream)
		return errors.Join(err, o.state.load(bytes))
	})
}
