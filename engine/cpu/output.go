package cpu

import (
	"fmt"

	"daybook/engine"
)

var outputInputs = []engine.Projection{engine.O}

// Output implements engine.Backend.
func (b *Backend) Output(in engine.DeviceBatch, bl *engine.Block, x engine.Buffer, act *engine.Activations) error {
	defer keep(b, in, bl, x, act)
	d, err := b.loaded(in)
	if err != nil {
		return fmt.Errorf("output: %w", err)
	}
	t, s, j := d.Tokens(), b.shape, &b.jobs
	var o operands
	attended := o.floats("o", act.O, t*s.QDim())
	o.input(j.low[0], b, d, bl, engine.OutputInput, attended, &act.Low, outputInputs)
	b.projection(j.products[0], &o, bl, engine.O, attended, &act.Low,
		o.floats("mid", act.Mid, t*s.Hidden), o.floats("x", x, t*s.Hidden), t)
	if o.err == nil {
		o.err = b.steps(t, loraStep(j.low[0]), productStep(j.products[0]))
	}
	return wrap("output", o.err)
}

// OutputBackward implements engine.Backend.
func (b *Backend) OutputBackward(in engine.DeviceBatch, bl *engine.Block, act *engine.Activations, g *engine.Gradients, dst engine.Buffer) error {
	defer keep(b, in, bl, act, g, dst)
	d, err := b.loaded(in)
	if err != nil {
		return fmt.Errorf("output backward: %w", err)
	}
	t, s := d.Tokens(), b.shape
	var o operands
	attended, grad, dx := o.floats("o", act.O, t*s.QDim()), o.floats("d", dst, t*s.Hidden), o.floats("gradient of o", g.O, t*s.QDim())
	if o.err == nil {
		o.err = b.inputBackward(&o, d, bl, engine.OutputInput, attended, dx, false, &act.Low, gradient{engine.O, grad})
	}
	return wrap("output backward", o.err)
}
