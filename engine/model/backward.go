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
		return m.be.Loss(m.end, h, m.buf.x[last], scale, m.buf.nll[len(m.pending)], m.buf.hit, m.buf.d)
	})
	if err != nil {
		return fmt.Errorf("backward: %w", err)
	}
	for i := last - 1; i >= 0; i-- {
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

// forwardKept runs the loaded batch forward, leaving each layer's input in
// buf.x. after, if not nil, is called behind every layer.
func (m *Model) forwardKept(drop engine.Dropout, after func(layer int) error) error {
	if err := m.embed(engine.Forward, m.buf.x[0]); err != nil {
		return err
	}
	for i := range m.shape.Layers {
		err := m.layer(i, engine.Forward, m.buf.trained, drop, func(b *engine.Block) error {
			return m.block(b, m.buf.x[i], m.buf.x[i+1], m.kept(i), i == m.shape.Layers-1)
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
// its input.
func (m *Model) blockBackward(b *engine.Block, i int) error {
	x, act, g, d := m.buf.x[i], m.kept(i), &m.buf.grad, m.buf.d
	// The set that all layers share still holds the last layer's activations.
	if m.o.Checkpointing && i < m.shape.Layers-1 {
		// Nothing reads x[i+1] any more, and it gets the value it had.
		if err := m.block(b, x, m.buf.x[i+1], act, false); err != nil {
			return err
		}
	}
	if err := m.finishBackward(b, act, i == m.shape.Layers-1); err != nil {
		return err
	}
	if err := m.be.AttentionBackward(m.batch, act, g); err != nil {
		return err
	}
	return m.be.QKVBackward(m.batch, b, x, act, g, d)
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
			if err := look(m.buf.x[0], "embedding"); err != nil {
				return err
			}
		}
		return look(m.buf.x[i+1], fmt.Sprintf("layer %d", i))
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
