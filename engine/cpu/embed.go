package cpu

// #include "kernels.h"
import "C"

import (
	"errors"
	"fmt"
	"math"
	"unsafe"

	"daybook/engine"
)

var errQuantizedTable = errors.New("the table is quantized")

// Embed implements engine.Backend.
func (b *Backend) Embed(in engine.DeviceBatch, table engine.Weight, x engine.Buffer) error {
	defer keep(b, in, table, x)
	d, err := b.loaded(in)
	if err != nil {
		return fmt.Errorf("embed: %w", err)
	}
	n := b.shape.Hidden
	var o operands
	w, to := o.weight("table", table, b.shape.Vocab, n), o.floats("x", x, d.Tokens()*n)
	if o.err != nil {
		return wrap("embed", o.err)
	}
	out := unsafe.Slice((*float32)(unsafe.Pointer(to)), d.Tokens()*n)
	switch w.matrix.format {
	case C.FORMAT_F32:
		for t, token := range d.tokens {
			copy(out[t*n:(t+1)*n], w.arena.data[int(token)*n:])
		}
	case C.FORMAT_BF16:
		rows := unsafe.Slice((*uint16)(unsafe.Pointer(w.matrix.bf16)), b.shape.Vocab*n)
		for t, token := range d.tokens {
			for i, v := range rows[int(token)*n : (int(token)+1)*n] {
				out[t*n+i] = math.Float32frombits(uint32(v) << 16)
			}
		}
	default:
		return fmt.Errorf("embed: %w", errQuantizedTable)
	}
	return nil
}
