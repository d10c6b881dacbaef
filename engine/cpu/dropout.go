package cpu

// #include "kernels.h"
import "C"

import (
	"errors"
	"unsafe"

	"daybook/engine"
)

var errNoKeys = errors.New("dropout: the batch has no keys")

// dropout describes the masks of one input of a layer to the kernels.
func (o *operands) dropout(d *batch, bl *engine.Block, in engine.Input) C.dropout {
	p := bl.Dropout
	if p.P == 0 {
		return C.dropout{}
	}
	if !d.keyed && o.err == nil {
		o.err = errNoKeys
	}
	key := p.Key(bl.Layer.Index, in)
	return C.dropout{
		on: 1, keep: C.float(1 / (1 - p.P)), threshold: C.uint32_t(p.Threshold()),
		key:   [2]C.uint32_t{C.uint32_t(key[0]), C.uint32_t(key[1])},
		where: (*C.uint32_t)(unsafe.Pointer(&d.where[0])),
	}
}
