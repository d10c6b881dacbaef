package cpu

// #include "kernels.h"
import "C"

import (
	"fmt"
	"unsafe"

	"daybook/engine"
)

var (
	mlpInputs  = []engine.Projection{engine.Gate, engine.Up}
	downInputs = []engine.Projection{engine.Down}
)

// MLP implements engine.Backend.
func (b *Backend) MLP(in engine.DeviceBatch, bl *engine.Block, act *engine.Activations, y engine.Buffer) error {
	defer keep(b, in, bl, act, y)
	d, err := b.loaded(in)
	if err != nil {
		return fmt.Errorf("mlp: %w", err)
	}
	t, s, j := d.Tokens(), b.shape, &b.jobs
	var o operands
	mid := o.floats("mid", act.Mid, t*s.Hidden)
	norm2 := o.floats("norm2", act.Norm2, t*s.Hidden)
	norm := b.norm(mid, o.floats("norm", bl.Layer.MLPNorm, s.Hidden), norm2)
	gated, upward := o.floats("gate", act.Gate, t*s.Intermediate), o.floats("up", act.Up, t*s.Intermediate)
	input := o.floats("down", act.Down, t*s.Intermediate)
	j.swiglu.cols, j.swiglu.gate, j.swiglu.up, j.swiglu.down = C.int64_t(s.Intermediate), gated, upward, input
	gate, up, down := j.products[0], j.products[1], j.products[2]
	o.input(j.low[0], b, d, bl, engine.MLPInput, norm2, &act.Low, mlpInputs)
	o.input(j.low[1], b, d, bl, engine.DownInput, input, &act.Low, downInputs)
	b.projection(gate, &o, bl, engine.Gate, norm2, &act.Low, gated, nil, t)
	b.projection(up, &o, bl, engine.Up, norm2, &act.Low, upward, nil, t)
	swiglu := C.step{kind: &C.swiglu_kind, job: unsafe.Pointer(j.swiglu)}
	steps := [...]C.step{norm, loraStep(j.low[0]), productStep(gate), productStep(up), swiglu, loraStep(j.low[1]), productStep(down)}
	n := len(steps)
	if y == nil {
		n-- // without the product that makes y
	} else {
		b.projection(down, &o, bl, engine.Down, input, &act.Low, o.floats("y", y, t*s.Hidden), mid, t)
	}
	if o.err == nil {
		o.err = b.steps(t, steps[:n]...)
	}
	return wrap("mlp", o.err)
}

// MLPBackward implements engine.Backend.
func (b *Backend) MLPBackward(in engine.DeviceBatch, bl *engine.Block, act *engine.Activations, g *engine.Gradients, dst engine.Buffer) error {
	defer keep(b, in, bl, act, g, dst)
	d, err := b.loaded(in)
	if err != nil {
		return fmt.Errorf("mlp backward: %w", err)
	}
	t, s := d.Tokens(), b.shape
	var o operands
	grad := o.floats("d", dst, t*s.Hidden)
	down, ddown := o.floats("down", act.Down, t*s.Intermediate), o.floats("gradient of down", g.Down, t*s.Intermediate)
	norm2, dnorm := o.floats("norm2", act.Norm2, t*s.Hidden), o.floats("gradient of norm2", g.Norm, t*s.Hidden)
	norm := b.normBackward(o.floats("mid", act.Mid, t*s.Hidden), o.floats("norm", bl.Layer.MLPNorm, s.Hidden), dnorm, grad)
	glu := &b.jobs.backward.glu
	glu.cols = C.int64_t(s.Intermediate)
	glu.gate, glu.up = o.floats("gate", act.Gate, t*s.Intermediate), o.floats("up", act.Up, t*s.Intermediate)
	glu.dgate, glu.dup = o.floats("gradient of gate", g.Gate, t*s.Intermediate), o.floats("gradient of up", g.Up, t*s.Intermediate)
	if o.err == nil {
		o.err = b.inputBackward(&o, d, bl, engine.DownInput, down, ddown, true, &act.Low, gradient{engine.Down, grad})
	}
	if o.err == nil {
		o.err = b.inputBackward(&o, d, bl, engine.MLPInput, norm2, dnorm, false, &act.Low,
			gradient{engine.Gate, glu.dgate}, gradient{engine.Up, glu.dup})
	}
	if o.err == nil {
		o.err = b.steps(t, norm)
	}
	return wrap("mlp backward", o.err)
}
