package optim

import (
	"errors"
	"fmt"
	"slices"

	"daybook/engine"
)

// ErrState reports optimizer state that does not belong to these parameters.
var ErrState = errors.New("optimizer state does not fit the parameters")

// pieces returns the state of p as tensors that share its memory.
func (p *parameter) pieces() []engine.StateTensor {
	if p.q == nil {
		return []engine.StateTensor{{Name: p.name + ".m", F32: p.m}, {Name: p.name + ".v", F32: p.v}}
	}
	return []engine.StateTensor{
		{Name: p.name + ".m", U8: p.q.M},
		{Name: p.name + ".v", U8: p.q.V},
		{Name: p.name + ".m_absmax", F32: p.q.MAbsmax},
		{Name: p.name + ".v_absmax", F32: p.q.VAbsmax},
	}
}

// StateBytes returns what the state of tensors of the given sizes takes.
func StateBytes(cfg engine.OptimizerConfig, sizes ...int) int64 {
	var total int64
	for _, n := range sizes {
		if cfg.EightBit && n >= MinEightBit {
			total += 2*int64(n) + 2*4*int64((n+block-1)/block)
		} else {
			total += 2 * 4 * int64(n)
		}
	}
	return total
}

// State returns a copy of the state, in the order of the parameters.
func (o *AdamW) State() ([]engine.StateTensor, error) {
	var out []engine.StateTensor
	for i := range o.params {
		for _, s := range o.params[i].pieces() {
			s.F32, s.U8 = slices.Clone(s.F32), slices.Clone(s.U8)
			out = append(out, s)
		}
	}
	return out, nil
}

// Restore replaces the whole state by what State returned, in any order, and
// forgets an earlier bad gradient. It returns an error wrapping ErrState, and
// changes nothing, if a tensor is missing, unknown, or of another type or size.
func (o *AdamW) Restore(state []engine.StateTensor) error {
	var all []engine.StateTensor
	for i := range o.params {
		all = append(all, o.params[i].pieces()...)
	}
	if err := Assign(all, state); err != nil {
		return err
	}
	o.norm, o.err = 0, nil
	return nil
}

// Assign copies the elements of src to the tensors of dst, by name. It returns an
// error wrapping ErrState, and changes nothing, unless the two have the same
// names, types and sizes.
func Assign(dst, src []engine.StateTensor) error {
	byName := make(map[string]engine.StateTensor, len(src))
	for _, s := range src {
		if _, ok := byName[s.Name]; ok {
			return fmt.Errorf("restore %s: named twice: %w", s.Name, ErrState)
		}
		byName[s.Name] = s
	}
	ordered := make([]engine.StateTensor, len(dst))
	for i, want := range dst {
		got, ok := byName[want.Name]
		switch {
		case !ok:
			return fmt.Errorf("restore %s: missing: %w", want.Name, ErrState)
		case (got.F32 == nil) != (want.F32 == nil) || (got.U8 == nil) != (want.U8 == nil):
			return fmt.Errorf("restore %s: 32-bit and 8-bit state mixed up: %w", want.Name, ErrState)
		case len(got.F32) != len(want.F32) || len(got.U8) != len(want.U8):
			return fmt.Errorf("restore %s: %d elements, want %d: %w",
				want.Name, len(got.F32)+len(got.U8), len(want.F32)+len(want.U8), ErrState)
		}
		delete(byName, want.Name)
		ordered[i] = got
	}
	for name := range byName {
		return fmt.Errorf("restore %s: no such parameter: %w", name, ErrState)
	}
	for i := range dst {
		copy(dst[i].F32, ordered[i].F32)
		copy(dst[i].U8, ordered[i].U8)
	}
	return nil
}
