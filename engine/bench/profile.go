package bench

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"daybook/engine"
)

// profiled is a backend that, while on, waits behind every operation and adds up
// its time. Waiting costs what a device gains by queueing, so totals are measured
// while off.
type profiled struct {
	engine.Backend
	on    bool
	now   func() time.Time
	times map[string]*Operation
}

// profile runs work n times and returns the parts of one repetition, largest first.
func (p *profiled) profile(n int, work func() error) ([]Operation, error) {
	p.on, p.times = true, map[string]*Operation{}
	defer func() { p.on = false }()
	for range n {
		if err := work(); err != nil {
			return nil, err
		}
	}
	var all []Operation
	var total float64
	for _, name := range slices.Sorted(maps.Keys(p.times)) {
		o := *p.times[name]
		o.Calls /= n
		o.Seconds /= float64(n)
		all = append(all, o)
		total += o.Seconds
	}
	for i := range all {
		all[i].Share = all[i].Seconds / total
	}
	slices.SortStableFunc(all, func(a, b Operation) int { return cmp.Compare(b.Seconds, a.Seconds) })
	return all, nil
}

// clock times f as one call of the operation called name.
func (p *profiled) clock(name string, f func() error) error {
	if !p.on {
		return f()
	}
	begin := p.now()
	if err := f(); err != nil {
		return err
	}
	if err := p.Sync(); err != nil {
		return err
	}
	o := p.times[name]
	if o == nil {
		o = &Operation{Name: name}
		p.times[name] = o
	}
	o.Calls++
	o.Seconds += p.now().Sub(begin).Seconds()
	return nil
}

func (p *profiled) Embed(in engine.DeviceBatch, table engine.Weight, x engine.Buffer) error {
	return p.clock("embedding", func() error { return p.Backend.Embed(in, table, x) })
}

func (p *profiled) QKV(in engine.DeviceBatch, b *engine.Block, x engine.Buffer, act *engine.Activations) error {
	return p.clock("norm, q, k, v", func() error { return p.Backend.QKV(in, b, x, act) })
}

func (p *profiled) Attention(in engine.DeviceBatch, act *engine.Activations) error {
	return p.clock("attention", func() error { return p.Backend.Attention(in, act) })
}

func (p *profiled) Output(in engine.DeviceBatch, b *engine.Block, x engine.Buffer, act *engine.Activations) error {
	return p.clock("o", func() error { return p.Backend.Output(in, b, x, act) })
}

func (p *profiled) MLP(in engine.DeviceBatch, b *engine.Block, act *engine.Activations, y engine.Buffer) error {
	return p.clock("norm, MLP", func() error { return p.Backend.MLP(in, b, act, y) })
}

func (p *profiled) MLPBackward(in engine.DeviceBatch, b *engine.Block, act *engine.Activations, g *engine.Gradients, d engine.Buffer) error {
	return p.clock("norm, MLP backward", func() error { return p.Backend.MLPBackward(in, b, act, g, d) })
}

func (p *profiled) OutputBackward(in engine.DeviceBatch, b *engine.Block, act *engine.Activations, g *engine.Gradients, d engine.Buffer) error {
	return p.clock("o backward", func() error { return p.Backend.OutputBackward(in, b, act, g, d) })
}

func (p *profiled) AttentionBackward(in engine.DeviceBatch, act *engine.Activations, g *engine.Gradients) error {
	return p.clock("attention backward", func() error { return p.Backend.AttentionBackward(in, act, g) })
}

func (p *profiled) QKVBackward(in engine.DeviceBatch, b *engine.Block, x engine.Buffer, act *engine.Activations, g *engine.Gradients, d engine.Buffer) error {
	return p.clock("norm, q, k, v backward", func() error { return p.Backend.QKVBackward(in, b, x, act, g, d) })
}

func (p *profiled) Loss(in engine.DeviceBatch, h *engine.Head, x engine.Buffer, scale float32, nll, hit, d engine.Buffer) error {
	return p.clock("head, loss", func() error { return p.Backend.Loss(in, h, x, scale, nll, hit, d) })
}

func (p *profiled) Store(in engine.DeviceBatch, c engine.Cache, layer int, act *engine.Activations) error {
	return p.clock("store", func() error { return p.Backend.Store(in, c, layer, act) })
}

func (p *profiled) CachedAttention(in engine.DeviceBatch, c engine.Cache, layer int, act *engine.Activations) error {
	return p.clock("cached attention", func() error { return p.Backend.CachedAttention(in, c, layer, act) })
}

func (p *profiled) Greedy(in engine.DeviceBatch, h *engine.Head, x engine.Buffer) (next []int32, err error) {
	err = p.clock("head, most likely token", func() error {
		next, err = p.Backend.Greedy(in, h, x)
		return err
	})
	return next, err
}
