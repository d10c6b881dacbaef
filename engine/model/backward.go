package model

import (
	"errors"
	"fmt"
	"math"

	"daybook/engine"
)

// Backward adds the gradient of scale times the summed loss of one micro-batch
// to the gradients of the trained adapter. The loss itself stays on the device
// until Losses; at most Options.Accumulate micro-batches may wait there. A
// micro-batch without a target adds nothing and is not computed.
func (m *Model) Backward(b *engine.Batch, scale float32, drop engine.Dropout) error {
	switch {
	case m.buf.trained == nil:
		return errors.New("backward: the model was not made for training")
	case len(m.pending) == len(m.buf.nll):
		return fmt.Errorf("backward: the losses of %d micro-batches have not been read", len(m.pending))
	}
	if !hasTarget(b.Targets) {
		m.pending = append(m.pending, 0)
		return nil
	}
	if err := m.load(b); err != nil {
		return fmt.Errorf("backward: %w", err)
	}
	few, err := m.narrow(b)
	if err != nil {
		return fmt.Errorf("backward: %w", err)
	}
	if err := m.forwardKept(drop, nil); err != nil {
		return fmt.Errorf("backward: %w", err)
	}
	last := m.shape.Layers
	err = m.head(engine.Forward, func(h *engine.Head) error {
		return m.be.Loss(m.end, h, m.stream(last), scale, m.buf.nll[len(m.pending)], m.buf.hit, m.buf.d)
	})
	if err != nil {
		return fmt.Errorf("backward: %w", err)
	}
	for i := last - 1; i >= 0; i-- {
		if err := m.fetch(i); err != nil {
			return fmt.Errorf("backward: %w", err)
		}
		err := m.layer(i, engine.Backward, m.buf.trained, drop, func(bl *engine.Block) error {
			return m.blockBackward(bl, i)
		})
		if err != nil {
			return fmt.Errorf("backward: %w", err)
		}
	}
	m.pending = append(m.pending, len(few.Tokens))
	return nil
}

// stream returns the residual stream before layer i, or behind the last.
func (m *Model) stream(i int) engine.Buffer { return m.buf.x[i%len(m.buf.x)] }

// keep starts copying the input of layer i to host memory if that is where it is
// to stay, once the copy of the input before, whose buffer the layer writes, is done.
func (m *Model) keep(i int) error {
	if m.buf.inputs == nil {
		return nil
	}
	if err := m.be.Join(); err != nil {
		return err
	}
	return m.be.Copy(m.buf.inputs[i], m.stream(i))
}

// fetch makes sure that the input of layer i is there, and starts copying that of
// the layer before, which goes where the input of the layer behind was.
func (m *Model) fetch(i int) error {
	if m.buf.inputs == nil {
		return nil
	}
	if err := m.be.Join(); err != nil || i == 0 {
		return err
	}
	return m.be.Copy(m.stream(i-1), m.buf.inputs[i-1])
}

// forwardKept runs the loaded batch forward, keeping each layer's input. after, if
// not nil, is called behind every layer.
func (m *Model) forwardKept(drop engine.Dropout, after func(layer int) error) error {
	if err := m.embed(engine.Forward, m.stream(0)); err != nil {
		return err
	}
	for i := range m.shape.Layers {
		if err := m.keep(i); err != nil {
			return err
		}
		err := m.layer(i, engine.Forward, m.buf.trained, drop, func(b *engine.Block) error {
			return m.block(b, m.stream(i), m.stream(i+1), m.kept(i), i == m.shape.Layers-1)
		})
		if err != nil {
			return err
		}
		if after != nil {
			if err := after(i); err != nil {
				return err
			}
		}
	}
	return nil
}

// kept returns the activations of layer i.
func (m *Model) kept(i int) *engine.Activations { return m.buf.act[min(i, len(m.buf.act)-1)] }

// blockBackward turns buf.d from the gradient of layer i's output into that of
// its input, unless nothing before it is trained.
func (m *Model) blockBackward(b *engine.Block, i int) error {
	x, act, g, d := m.stream(i), m.kept(i), &m.buf.grad, m.buf.d
	// What the layers share still holds the last layer's.
	if i < m.shape.Layers-1 {
		if err := m.recompute(b, x, act); err != nil {
			return err
		}
	}
	if err := m.finishBackward(b, act, i == m.shape.Layers-1); err != nil {
		return err
	}
	if err := m.be.AttentionBackward(m.batch, act, g); err != nil {
		return err
	}
	b.FrozenInput = i == 0 // before it is only the embedding
	return m.be.QKVBackward(m.batch, b, x, act, g, d)
}

// recompute computes what was not kept of a layer with input x. Nothing reads
// its output any more, so the last product is left out.
func (m *Model) recompute(b *engine.Block, x engine.Buffer, act *engine.Activations) error {
	switch m.o.Checkpointing {
	case engine.CheckpointFull:
		return m.block(b, x, nil, act, false)
	case engine.CheckpointSelective:
		inputs := *act
		inputs.Q, inputs.K, inputs.V = nil, nil, nil
		if err := m.be.QKV(m.batch, b, x, &inputs); err != nil {
			return err
		}
		return m.be.MLP(m.batch, b, act, nil)
	case engine.CheckpointNone, engine.CheckpointAuto: // nothing to do; auto is decided before New
	}
	return nil
}

// Losses returns the summed negative log-likelihood, in nats, of every
// micro-batch since the last call, in order, and forgets them. Each sum is made
// on the host in float64, token by token, so it depends on no device.
func (m *Model) Losses() ([]float64, error) {
	out := make([]float64, len(m.pending))
	buf := make([]float32, m.o.MaxTokens)
	for i, n := range m.pending {
		if n == 0 {
			continue
		}
		if err := m.be.Download(buf, m.buf.nll[i]); err != nil {
			return nil, fmt.Errorf("losses: %w", err)
		}
		for _, v := range buf[:n] {
			out[i] += float64(v)
		}
	}
	m.pending = m.pending[:0]
	return out, nil
}

// FirstNonFinite runs b forward with the trained adapter and names the first
// part whose output is not finite, such as "layer 3"; "" if all are. A failed
// run calls it to say where it broke.
func (m *Model) FirstNonFinite(b *engine.Batch, drop engine.Dropout) (string, error) {
	if err := m.load(b); err != nil {
		return "", fmt.Errorf("diagnosis: %w", err)
	}
	where := ""
	values := make([]float32, m.o.MaxTokens*m.shape.Hidden)
	look := func(x engine.Buffer, name string) error {
		if where != "" {
			return nil
		}
		if err := m.be.Download(values, x); err != nil {
			return err
		}
		for _, v := range values[:len(b.Tokens)*m.shape.Hidden] {
			if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
				where = name
				break
			}
		}
		return nil
	}
	err := m.forwardKept(drop, func(i int) error {
		if i == 0 {
			if err := look(m.stream(0), "embedding"); err != nil {
				return err
			}
		}
		return look(m.stream(i+1), fmt.Sprintf("layer %d", i))
	})
	if err != nil {
		return "", fmt.Errorf("diagnosis: %w", err)
	}
	return where, nil
}

func hasTarget(targets []int32) bool {
	for _, t := range targets {
		if t != engine.Ignore {
			return true
		}
	}
	return false
}
