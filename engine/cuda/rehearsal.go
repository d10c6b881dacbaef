package cuda

import "daybook/engine"

// rehearsal notes what operations ask for while they run without doing anything:
// no kernel, product or copy is queued, and nothing is allocated. So an estimate
// can't differ from what a run takes, and the algorithms of its products are
// chosen before it starts.
type rehearsal struct {
	workspace workspace
	masks     masks
	arenas    int64              // bytes of what stays, the masks among them
	products  map[gemmShape]bool // of cuBLASLt, whose algorithms are chosen if there is a device
}

// Addresses in a rehearsal are as aligned as those of memory, and not 0.
const nowhere pointer = align

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
	return r.arenas + r.workspace.most
}

// rehearse runs all operations of w on operands that have shapes but no memory.
func (b *Backend) rehearse(w engine.Work) (*rehearsal, error) {
	r := &rehearsal{workspace: boundless(), products: map[gemmShape]bool{}}
	err := b.run("rehearsal", func() error {
		before, kept := b.rope, b.masks
		b.rehearsal, b.masks = r, masks{}
		defer func() {
			r.masks = b.masks
			b.rehearsal, b.rope, b.masks = nil, before, kept
		}()
		p, err := b.dummies(w)
		if err != nil {
			return err
		}
		return p.perform(w)
	})
	return r, err
}

// perform calls every operation that w may ask for: training, the evaluation that
// comes between its epochs, and decoding.
func (p *dummies) perform(w engine.Work) error {
	if w.Train {
		if err := p.forward(p.block); err != nil {
			return err
		}
		if err := p.backward(); err != nil {
			return err
		}
	}
	if err := p.forward(p.still); err != nil {
		return err
	}
	if w.Slots == 0 {
		return nil
	}
	return p.decode()
}

// forward is a layer with the loss behind it.
func (p *dummies) forward(block *engine.Block) error {
	b := p.b
	return inTurn(
		func() error { return b.Embed(p.batch, p.table, p.x) },
		func() error { return b.QKV(p.batch, block, p.x, p.act) },
		func() error { return b.Attention(p.batch, p.act) },
		func() error { return b.Output(p.batch, block, p.x, p.act) },
		func() error { return b.MLP(p.batch, block, p.act, p.x) },
		func() error { return b.Loss(p.batch, p.head, p.x, 1, p.nll, p.nll, p.d) },
	)
}

func (p *dummies) backward() error {
	b := p.b
	return inTurn(
		func() error { return b.MLPBackward(p.batch, p.block, p.act, p.grad, p.d) },
		func() error { return b.OutputBackward(p.batch, p.block, p.act, p.grad, p.d) },
		func() error { return b.AttentionBackward(p.batch, p.act, p.grad) },
		func() error { return b.QKVBackward(p.batch, p.block, p.x, p.act, p.grad, p.d) },
	)
}

// decode is a token of each document that goes on in a cache.
func (p *dummies) decode() error {
	b := p.b
	return inTurn(
		func() error { return b.QKV(p.next, p.still, p.x, p.act) },
		func() error { return b.Store(p.next, p.cache, 0, p.act) },
		func() error { return b.CachedAttention(p.next, p.cache, 0, p.act) },
		func() error { return b.Output(p.next, p.still, p.x, p.act) },
		func() error { return b.MLP(p.next, p.still, p.act, p.x) },
		func() error { _, err := b.Greedy(p.next, p.head, p.x); return err },
	)
}

// inTurn calls steps until one fails.
func inTurn(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
