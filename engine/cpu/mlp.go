package cpu

import (
	"fmt"

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
	j.norm = normStep{x: mid, weight: o.floats("norm", bl.Layer.MLPNorm, s.Hidden), y: o.floats("norm2", act.Norm2, t*s.Hidden)}
	j.swiglu = swigluStep{
		gate: o.floats("gate", act.Gate, t*s.Intermediate),
		up:   o.floats("up", act.Up, t*s.Intermediate),
		down: o.floats("down", act.Down, t*s.Intermediate),
	}
	gate, up, down := &j.products[0], &j.products[1], &j.products[2]
	o.input(j.low.job, b, d, bl, engine.MLPInput, j.norm.y, &act.Low, mlpInputs)
	o.input(j.lowDown.job, b, d, bl, engine.DownInput, j.swiglu.down, &act.Low, downInputs)
	b.projection(gate, &o, bl, engine.Gate, j.norm.y, act.Low[engine.Gate], j.swiglu.gate, nil, t)
	b.projection(up, &o, bl, engine.Up, j.norm.y, act.Low[engine.Up], j.swiglu.up, nil, t)
	b.projection(down, &o, bl, engine.Down, j.swiglu.down, act.Low[engine.Down], o.floats("y", y, t*s.Hidden), mid, t)
	if o.err == nil {
		o.err = b.steps(t, &j.norm, &j.low, gate, up, &j.swiglu, &j.lowDown, down)
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
	t, s, j := d.Tokens(), b.shape, &b.jobs
	var o operands
	grad := o.floats("d", dst, t*s.Hidden)
	down, ddown := o.floats("down", act.Down, t*s.Intermediate), o.floats("gradient of down", g.Down, t*s.Intermediate)
	norm2, dnorm := o.floats("norm2", act.Norm2, t*s.Hidden), o.floats("gradient of norm2", g.Norm, t*s.Hidden)
	gate, up := o.floats("gate", act.Gate, t*s.Intermediate), o.floats("up", act.Up, t*s.Intermediate)
	dgate, dup := o.floats("gradient of gate", g.Gate, t*s.Intermediate), o.floats("gradient of up", g.Up, t*s.Intermediate)
	j.rmsnorm = normBackwardStep{
		x: o.floats("mid", act.Mid, t*s.Hidden), weight: o.floats("norm", bl.Layer.MLPNorm, s.Hidden),
		dy: dnorm, dx: grad,
	}
	if o.err == nil {
		to := j.backward.swiglu
		to.gate, to.up, to.dgate, to.dup = gate, up, dgate, dup
		j.backward.gated = true
		o.err = b.inputBackward(&o, d, bl, engine.DownInput, down, ddown, &act.Low, gradient{engine.Down, grad})
	}
	if o.err == nil {
		j.backward.gated = false
		o.err = b.inputBackward(&o, d, bl, engine.MLPInput, norm2, dnorm, &act.Low, gradient{engine.Gate, dgate}, gradient{engine.Up, dup})
	}
	if o.err == nil {
		o.err = b.steps(t, &j.rmsnorm)
	}
	return wrap("mlp backward", o.err)
}
