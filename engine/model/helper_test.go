package model

import (
	"math"
	"slices"
	"testing"

	"daybook/engine"
	"daybook/engine/cpu"
	"daybook/engine/device"
	"daybook/engine/model/modeltest"
)

// tester is what testing.TB and rapid.T have in common.
type tester interface {
	Helper()
	Error(args ...any)
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Cleanup(f func())
}

var _ tester = testing.TB(nil)

func open(tb tester, s engine.Shape, threads int) engine.Backend {
	tb.Helper()
	be, err := cpu.Open(s, cpu.Options{Threads: threads})
	return opened(tb, be, err)
}

// opened returns a backend that is closed with the test.
func opened(tb tester, be engine.Backend, err error) engine.Backend {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := be.Close(); err != nil {
			tb.Error(err)
		}
	})
	return be
}

// setup is what a test model is made from.
type setup struct {
	shape    engine.Shape
	weights  *engine.HostWeights
	streamed bool
	unmoving bool // the backend can't move rows
	threads  int
	device   string // as package device names it; "" is the CPU
	o        Options
	adapter  *engine.HostAdapter
}

var lora = engine.LoRA{Rank: 4, Alpha: 8, Dropout: 0.1, Targets: modeltest.AllLinear()}

// training returns a setup for training all projections of a small quantized base.
func training() setup {
	s := modeltest.Shape()
	return setup{
		shape: s, weights: modeltest.Weights(s, 1, true), threads: 2,
		o:       Options{MaxTokens: 96, MaxDocuments: 8, Train: true, Accumulate: 2, LoRA: &lora},
		adapter: modeltest.Adapter(s, lora, 2),
	}
}

// generating returns a setup for evaluation and generation.
func generating() setup {
	s := training()
	s.o.Train = false
	return s
}

func (s setup) backend(tb tester) engine.Backend {
	tb.Helper()
	if s.device == "" {
		return open(tb, s.shape, s.threads)
	}
	d, err := device.Parse(s.device)
	if err != nil {
		tb.Fatal(err)
	}
	be, err := d.Open(s.shape, device.Options{})
	return opened(tb, be, err)
}

func (s setup) open(tb tester) *Model {
	tb.Helper()
	be := s.backend(tb)
	if s.unmoving {
		be = unmoving{be}
	}
	newSource := NewResident
	if s.streamed {
		newSource = modeltest.NewStreamed
	}
	src, err := newSource(be, s.weights)
	if err != nil {
		tb.Fatal(err)
	}
	m, err := New(be, src, s.o)
	if err != nil {
		tb.Fatal(err)
	}
	if s.adapter == nil {
		return m
	}
	if s.o.Train {
		err = m.Trained().Upload(s.adapter)
	} else {
		var a *Adapter
		a, err = m.NewAdapter(s.adapter)
		m.Use(a)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// batch lays examples end to end.
func batch(examples []engine.Example) *engine.Batch {
	b := &engine.Batch{}
	for _, e := range examples {
		b.Add(e.Tokens, e.Targets, engine.DropoutKey(e.ID))
	}
	return b
}

// backward runs batches as one window and returns their losses and the gradients.
func backward(tb tester, m *Model, drop engine.Dropout, batches ...*engine.Batch) ([]float64, *engine.HostAdapter) {
	tb.Helper()
	targets := 0
	for _, b := range batches {
		for _, x := range b.Targets {
			if x != engine.Ignore {
				targets++
			}
		}
	}
	for _, b := range batches {
		if err := m.Backward(b, 1/float32(targets), drop); err != nil {
			tb.Fatal(err)
		}
	}
	losses, err := m.Losses()
	if err != nil {
		tb.Fatal(err)
	}
	g, err := m.Trained().Gradients()
	if err != nil {
		tb.Fatal(err)
	}
	return losses, g
}

// eachTensor calls f with both halves of every pair of a and b, side by side.
func eachTensor(a, b *engine.HostAdapter, f func(name string, x, y []float32)) {
	for i := range a.Layers {
		for p := range engine.NumProjections {
			f(engine.ParameterName(i, p, "A"), a.Layers[i].A[p], b.Layers[i].A[p])
			f(engine.ParameterName(i, p, "B"), a.Layers[i].B[p], b.Layers[i].B[p])
		}
	}
}

// identical fails unless a and b agree bit for bit, and are not all zero.
func identical(tb tester, a, b *engine.HostAdapter) {
	tb.Helper()
	eachTensor(a, b, func(name string, x, y []float32) {
		if !slices.EqualFunc(x, y, func(v, w float32) bool { return math.Float32bits(v) == math.Float32bits(w) }) {
			tb.Errorf("%s differs: %v", name, difference(x, y))
		}
		if len(x) > 0 && !slices.ContainsFunc(x, func(v float32) bool { return v != 0 }) {
			tb.Errorf("%s is all zero", name)
		}
	})
}

// difference returns the norm of x-y relative to that of y.
func difference(x, y []float32) float64 {
	d, n := 0.0, 0.0
	for i := range y {
		e := float64(x[i]) - float64(y[i])
		d += e * e
		n += float64(y[i]) * float64(y[i])
	}
	return math.Sqrt(d / n)
}

// near fails where a and b differ by more than tolerance, relative to the tensor.
func near(tb tester, a, b *engine.HostAdapter, tolerance float64) {
	tb.Helper()
	eachTensor(a, b, func(name string, x, y []float32) {
		if d := difference(x, y); len(y) > 0 && !(d <= tolerance) {
			tb.Errorf("%s differs by %.2e", name, d)
		}
	})
}

// zero sets the gradients of a to zero.
func (a *Adapter) zero() error {
	for _, p := range a.Params() {
		if err := a.be.Upload(p.Grad, make([]float32, p.Grad.Len())); err != nil {
			return err
		}
	}
	return nil
}
