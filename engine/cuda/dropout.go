package cuda

import (
	"errors"
	"fmt"
	"weak"

	"daybook/engine"
)

var errNoKeys = errors.New("dropout: the batch has no keys")

// masks has the dropout masks of a layer, one for each input. A forward pass leaves
// them for the backward pass.
type masks [engine.NumInputs]struct {
	arena *arena // nil before the first
	of    madeFrom
}

// madeFrom is everything that a mask follows from.
type madeFrom struct {
	batch     weak.Pointer[batch]
	loads     int
	key       [2]uint32
	threshold uint32
}

// dropping is the dropout of one input of a layer. The zero value keeps everything.
type dropping struct {
	mask      matrix // (T, ceil(width/8)) bytes, bit i for column i of eight; stride in bytes
	key       [2]uint32
	threshold uint32
	keep      float32 // factor of kept elements
	ready     bool    // mask is filled
}

// dropout returns the dropout of input in, of so many columns, with room for its
// mask.
func (b *Backend) dropout(d *batch, bl *engine.Block, in engine.Input, width int) (dropping, error) {
	if bl.Dropout.P == 0 {
		return dropping{keep: 1, ready: true}, nil
	}
	if !d.keyed {
		return dropping{}, errNoKeys
	}
	stride := ceilDiv(width, 32) * 4
	own := &b.masks[in]
	if bytes := int64(d.tokens) * int64(stride); own.arena == nil || own.arena.bytes < bytes {
		larger, err := b.allocate(bytes)
		if err != nil {
			return dropping{}, fmt.Errorf("dropout mask: %w", err)
		}
		own.arena, own.of = larger, madeFrom{}
	}
	p := dropping{
		mask: matrix{own.arena.ptr, d.tokens, groups(width), stride},
		key:  bl.Dropout.Key(bl.Layer.Index, in), threshold: bl.Dropout.Threshold(),
		keep: 1 / (1 - bl.Dropout.P),
	}
	p.ready = own.of == p.from(d)
	return p, nil
}

// made is 1 if kernels shall read the mask, 0 if they shall draw it or there is none.
func (p dropping) made() int32 {
	if p.ready && p.threshold != 0 {
		return 1
	}
	return 0
}

func (p dropping) from(d *batch) madeFrom {
	return madeFrom{weak.Make(d), d.loads, p.key, p.threshold}
}

// fill fills p's mask if it is not: from the batch's keys and positions alone, so
// that it does not matter which pass does.
func (b *Backend) fill(d *batch, p *dropping, in engine.Input, width int) error {
	if p.ready {
		return nil
	}
	f, err := b.kernel("dropout", "dropout_mask")
	if err != nil {
		return err
	}
	words := ceilDiv(width, 32)
	block := threads(words, 128)
	if err := b.launch(f, [3]int{d.tokens, ceilDiv(words, block), 1}, block, 0, p.mask,
		d.positions, d.owner, d.keys, width, p.key[0], p.key[1], p.threshold); err != nil {
		return err
	}
	b.filled(d, p, in)
	return nil
}

// filled notes that p's mask holds what it should.
func (b *Backend) filled(d *batch, p *dropping, in engine.Input) {
	b.masks[in].of, p.ready = p.from(d), true
}
