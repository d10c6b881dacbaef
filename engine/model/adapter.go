package model

import (
	"errors"
	"fmt"
	"slices"

	"daybook/engine"
)

// Adapter is a LoRA adapter on the device, made for one Model.
type Adapter struct {
	be     engine.Backend
	shape  engine.Shape
	lora   engine.LoRA
	layers [][engine.NumProjections]*engine.Adapter
	arena  []engine.Buffer // of its own; nil where it lies in the model's
}

// NewAdapter uploads h beside whatever is there already, without gradients, so
// that Use can switch between adapters. It fails if h has a larger rank or other
// targets than Options.LoRA planned for.
func (m *Model) NewAdapter(h *engine.HostAdapter) (*Adapter, error) {
	room := m.o.LoRA
	if room == nil {
		return nil, errors.New("adapter: the model was planned for none: set Options.LoRA")
	}
	if h.LoRA.Rank > room.Rank {
		return nil, fmt.Errorf("adapter: rank %d: the model was planned for at most %d", h.LoRA.Rank, room.Rank)
	}
	for _, p := range h.LoRA.Targets {
		if !slices.Contains(room.Targets, p) {
			return nil, fmt.Errorf("adapter: target %s: the model was planned without it", p)
		}
	}
	p := &plan{}
	a := p.adapter(m.shape, h.LoRA, false)
	a.be = m.be
	arena, err := p.allocate(m.be)
	if err != nil {
		return nil, fmt.Errorf("adapter: %w", err)
	}
	a.arena, m.arenas = arena, append(m.arenas, arena)
	if err := a.Upload(h); err != nil {
		return nil, errors.Join(err, m.Drop(a))
	}
	return a, nil
}

// Drop gives back what a holds on the device. It must not be used any more; if it is
// in use, the base alone is from now on.
func (m *Model) Drop(a *Adapter) error {
	if m.use == a {
		m.use = nil
	}
	i := slices.IndexFunc(m.arenas, func(arena []engine.Buffer) bool { return len(a.arena) > 0 && arena[0] == a.arena[0] })
	if i < 0 {
		return errors.New("adapter: not one that NewAdapter made")
	}
	m.arenas = slices.Delete(m.arenas, i, i+1)
	if be, ok := m.be.(engine.Freer); ok {
		if err := be.Free(a.arena); err != nil {
			return fmt.Errorf("adapter: %w", err)
		}
	}
	return nil
}

// LoRA returns the configuration, with targets in model order.
func (a *Adapter) LoRA() engine.LoRA { return a.lora }

// Upload replaces the values of a. h must have a's rank and targets.
func (a *Adapter) Upload(h *engine.HostAdapter) error {
	if len(h.Layers) != len(a.layers) {
		return fmt.Errorf("adapter: %d layers: the base has %d", len(h.Layers), len(a.layers))
	}
	for i := range a.layers {
		for p, pair := range a.layers[i] {
			if err := upload(a.be, pair, h.Layers[i].A[p], h.Layers[i].B[p]); err != nil {
				return fmt.Errorf("adapter: layer %d: %s: %w", i, engine.Projection(p), err)
			}
		}
	}
	return nil
}

func upload(be engine.Backend, pair *engine.Adapter, a, b []float32) error {
	switch {
	case pair == nil && a == nil && b == nil:
		return nil
	case pair == nil:
		return errors.New("is not a target")
	case len(a) != pair.A.Len() || len(b) != pair.B.Len():
		return fmt.Errorf("%d and %d values, want %d and %d", len(a), len(b), pair.A.Len(), pair.B.Len())
	}
	if err := be.Upload(pair.A, a); err != nil {
		return err
	}
	return be.Upload(pair.B, b)
}

// Download copies the values of a to the host.
func (a *Adapter) Download() (*engine.HostAdapter, error) {
	return a.download(func(pair *engine.Adapter) (x, y engine.Buffer) { return pair.A, pair.B })
}

// Gradients copies the gradients of a to the host, laid out like the values. It
// returns an error if a is not a trained adapter.
func (a *Adapter) Gradients() (*engine.HostAdapter, error) {
	return a.download(func(pair *engine.Adapter) (x, y engine.Buffer) { return pair.GradA, pair.GradB })
}

func (a *Adapter) download(of func(*engine.Adapter) (x, y engine.Buffer)) (*engine.HostAdapter, error) {
	h := &engine.HostAdapter{LoRA: a.lora, Layers: make([]engine.HostAdapterLayer, len(a.layers))}
	for i := range a.layers {
		for p, pair := range a.layers[i] {
			if pair == nil {
				continue
			}
			x, y := of(pair)
			if x == nil || y == nil {
				return nil, errors.New("adapter: has no gradients: it was not made for training")
			}
			l := &h.Layers[i]
			l.A[p], l.B[p] = make([]float32, x.Len()), make([]float32, y.Len())
			if err := errors.Join(a.be.Download(l.A[p], x), a.be.Download(l.B[p], y)); err != nil {
				return nil, fmt.Errorf("adapter: layer %d: %s: %w", i, engine.Projection(p), err)
			}
		}
	}
	return h, nil
}

// Params lists what an optimizer updates, in model order and under PEFT's names.
// It is empty if a is not a trained adapter.
func (a *Adapter) Params() []engine.Param {
	var out []engine.Param
	for i := range a.layers {
		for p, pair := range a.layers[i] {
			if pair == nil || pair.GradA == nil {
				continue
			}
			out = append(out,
				engine.Param{Name: engine.ParameterName(i, engine.Projection(p), "A"), Value: pair.A, Grad: pair.GradA},
				engine.Param{Name: engine.ParameterName(i, engine.Projection(p), "B"), Value: pair.B, Grad: pair.GradB})
		}
	}
	return out
}
