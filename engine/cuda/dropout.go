package cuda

import (
	"errors"
	"fmt"
	"weak"

	"daybook/engine"
)

var errNoKeys = errors.New("dropout: the batch has no keys")

// masks remembers what the dropout masks in scratch, one for each input of a
// layer, were made from. A forward pass leaves them for the backward pass.
type masks [engine.NumInputs]madeFrom

// madeFrom is everything that a mask follows from, and where it lies.
type madeFrom struct {
	at        pointer
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

// dropout returns the dropout of input in, of so many columns, and the scratch for
// its mask.
func (b *Backend) dropout(d *batch, bl *engine.Block, in engine.Input, width int) (dropping, error) {
	if bl.Dropout.P == 0 {
		return dropping{keep: 1, ready: true}, nil
	}
	if !d.keyed {
		return dropping{}, errNoKeys
	}
	stride := ceilDiv(width, 32) * 4
	at, err := b.scratch(fmt.Sprintf("dropout mask %d", in), int64(d.tokens)*int64(stride))
	if err != nil {
		return dropping{}, err
	}
	p := dropping{
		mask: matrix{at, d.tokens, groups(width), stride},
		key:  bl.Dropout.Key(bl.Layer.Index, in), threshold: bl.Dropout.Threshold(),
		keep: 1 / (1 - bl.Dropout.P),
	}
	p.ready = b.masks[in] == p.from(d)
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
	return madeFrom{p.mask.ptr, weak.Make(d), d.loads, p.key, p.threshold}
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
	b.masks[in], p.ready = p.from(d), true
}
