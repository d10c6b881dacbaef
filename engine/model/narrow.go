package model

import "daybook/engine"

// narrow is the part of a batch that goes on behind the attention of the last
// layer: nothing reads the others' outputs there but the loss and the choice of
// the next token, which look at rows with a target and at each document's last.
// Backends that can't move rows (engine.RowMover) take all of them.
type narrow struct {
	mover engine.RowMover
	batch engine.DeviceBatch
	x     engine.Buffer // (T, Hidden) input of the last layer, of these rows
	o     engine.Buffer // (T, QDim) its attention
	rows  []int32       // ascending; nil if all go on
}

// narrow makes the loaded batch, b, go on with fewer rows, and returns what
// those are: m.end is loaded with it.
func (m *Model) narrow(b *engine.Batch) (*engine.Batch, error) {
	if m.few.mover == nil {
		return b, nil
	}
	rows := m.few.rows[:0]
	few := &engine.Batch{Starts: []int32{0}, Keys: b.Keys, Slots: b.Slots}
	for d := range b.Documents() {
		for i := b.Starts[d]; i < b.Starts[d+1]; i++ {
			scored := len(b.Targets) != 0 && b.Targets[i] != engine.Ignore
			if !scored && i+1 < b.Starts[d+1] {
				continue
			}
			rows = append(rows, i)
			few.Tokens = append(few.Tokens, b.Tokens[i])
			few.Positions = append(few.Positions, b.Positions[i])
			if len(b.Targets) != 0 {
				few.Targets = append(few.Targets, b.Targets[i])
			}
		}
		few.Starts = append(few.Starts, int32(len(rows)))
	}
	if len(rows) == len(b.Tokens) {
		return b, nil
	}
	if err := m.few.batch.Load(few); err != nil {
		return nil, err
	}
	m.few.rows, m.end = rows, m.few.batch
	return few, nil
}

// narrowed reports whether the loaded batch goes on with fewer rows.
func (m *Model) narrowed() bool { return m.end != m.batch }

// finishLast is finish for the last layer. Of y it sets the rows that go on, side by side.
func (m *Model) finishLast(b *engine.Block, x, y engine.Buffer, act *engine.Activations) error {
	if !m.narrowed() {
		return m.finish(b, x, y, act)
	}
	if err := m.few.mover.Gather(m.few.x, x, m.few.rows, m.shape.Hidden); err != nil {
		return err
	}
	if err := m.few.mover.Gather(m.few.o, act.O, m.few.rows, m.shape.QDim()); err != nil {
		return err
	}
	few := *act
	few.O = m.few.o
	if err := m.be.Output(m.end, b, m.few.x, &few); err != nil {
		return err
	}
	return m.be.MLP(m.end, b, &few, y)
}

// finishBackward is the backward pass of finish, and of finishLast if last: it
// leaves the gradients of the attention in buf.grad.O and of the layer's input,
// as far as it comes past the attention, in buf.d.
func (m *Model) finishBackward(b *engine.Block, act *engine.Activations, last bool) error {
	g, d, batch := &m.buf.grad, m.buf.d, m.batch
	few := *act
	if last && m.narrowed() {
		batch, few.O = m.end, m.few.o
	}
	if err := m.be.MLPBackward(batch, b, &few, g, d); err != nil {
		return err
	}
	if err := m.be.OutputBackward(batch, b, &few, g, d); err != nil {
		return err
	}
	if !last || !m.narrowed() {
		return nil
	}
	if err := m.few.mover.Scatter(g.O, m.few.rows, m.batch.Tokens(), m.shape.QDim()); err != nil {
		return err
	}
	return m.few.mover.Scatter(d, m.few.rows, m.batch.Tokens(), m.shape.Hidden)
}
