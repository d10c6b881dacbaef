package cuda

import "daybook/engine"

// rehearsal notes what operations ask for while they run without doing anything:
// no kernel, product or copy is queued, and nothing is allocated. So an estimate
// can't differ from what a run takes, and the algorithms of its products are
// chosen before it starts.
type rehearsal struct {
	scratches map[string]int64
	arenas    int64
	products  map[gemmShape]bool // of cuBLASLt, whose algorithms are chosen if there is a device
}

// Addresses in a rehearsal are as aligned as those of memory, and not 0.
const nowhere pointer = align

func (r *rehearsal) scratch(name string, bytes int64) pointer {
	r.scratches[name] = max(r.scratches[name], bytes)
	return nowhere
}

func (r *rehearsal) allocate(bytes int64) *arena {
	r.arenas += roundUp(bytes, align)
	return &arena{ptr: nowhere, bytes: bytes}
}

// Scratch implements engine.Planner.
func (b *Backend) Scratch(w engine.Work) int64 {
	r, err := b.rehearse(w)
	if err != nil {
		return 0 // Reserve says why
	}
	n := r.arenas
	for _, bytes := range r.scratches {
		n += max(align, roundUp(bytes, align))
	}
	return n
}

// lastPosition is the last that a document of w may have.
func (b *Backend) lastPosition(w engine.Work) int { return min(w.Tokens, b.shape.MaxPositions) - 1 }

// rehearse runs all operations of w on operands that have shapes but no memory.
func (b *Backend) rehearse(w engine.Work) (*rehearsal, error) {
	r := &rehearsal{scratches: map[string]int64{}, products: map[gemmShape]bool{}}
	err := b.run("rehearsal", func() error {
		rope, masks := b.rope, b.masks
		b.rehearsal = r
		defer func() { b.rehearsal, b.rope, b.masks = nil, rope, masks }()
		p, err := b.dummies(w)
		if err != nil {
			return err
		}
		return p.perform(w)
	})
	return r, err
}

// perform calls every operation.
func (p *dummies) perform(w engine.Work) error {
	b := p.b
	steps := []func() error{
		func() error { return b.Embed(p.batch, p.table, p.x) },
		func() error { return b.QKV(p.batch, p.block, p.x, p.act) },
		func() error { return b.Attention(p.batch, p.act) },
		func() error { return b.Output(p.batch, p.block, p.x, p.act) },
		func() error { return b.MLP(p.batch, p.block, p.act, p.x) },
		func() error { return b.Loss(p.batch, p.head, p.x, 1, p.nll, p.nll, p.d) },
	}
	if w.Train {
		steps = append(steps,
			func() error { return b.MLPBackward(p.batch, p.block, p.act, p.grad, p.d) },
			func() error { return b.OutputBackward(p.batch, p.block, p.act, p.grad, p.d) },
			func() error { return b.AttentionBackward(p.batch, p.act, p.grad) },
			func() error { return b.QKVBackward(p.batch, p.block, p.x, p.act, p.grad, p.d) })
	} else {
		steps = append(steps,
			func() error { _, err := b.Greedy(p.batch, p.head, p.x); return err },
			func() error { return b.QKV(p.next, p.block, p.x, p.act) },
			func() error { return b.Store(p.next, p.cache, 0, p.act) },
			func() error { return b.CachedAttention(p.next, p.cache, 0, p.act) },
			func() error { return b.Output(p.next, p.block, p.x, p.act) },
			func() error { return b.MLP(p.next, p.block, p.act, p.x) })
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
