//go:build cuda

package cuda

import (
	"unsafe"

	"daybook/engine"
)

// piece is part of a tensor that one block updates, struct piece of adamw.cu.
type piece struct {
	value, grad pointer
	state       int64 // where its state begins in the plan, in bytes
	n           int32 // elements
	eight       int32 // 1 if the state is in 8 bits
}

const (
	pieceSize   = 4096 // elements of a piece, at most
	scaledBlock = 256  // elements of 8-bit state that share a scale
	stateAlign  = 16   // bytes
)

// statePlan is where the state of every tensor lies. A piece's state lies
// together, so that any run of pieces can be moved as one.
type statePlan struct {
	names  []string
	sizes  []int // elements
	pieces []piece
	starts []int32 // first piece of each tensor, and the end
	bytes  int64
}

// add plans a tensor of n elements.
func (p *statePlan) add(name string, n int, eight bool, value, grad pointer) {
	if len(p.starts) == 0 {
		p.starts = append(p.starts, 0)
	}
	for first := 0; first < n; first += pieceSize {
		c := piece{value: value.offset(4 * first), grad: grad.offset(4 * first), state: p.bytes, n: int32(min(pieceSize, n-first))}
		if eight {
			c.eight = 1
		}
		p.bytes += roundUp(c.parts().bytes(), stateAlign)
		p.pieces = append(p.pieces, c)
	}
	p.names, p.sizes, p.starts = append(p.names, name), append(p.sizes, n), append(p.starts, int32(len(p.pieces)))
}

// stateParts are the lengths in bytes of what a piece's state consists of, in
// order: moments m and v, padded, and their scales, if they have any.
type stateParts struct {
	moment, padded, scales int64
}

func (c piece) parts() stateParts {
	if c.eight == 0 {
		return stateParts{4 * int64(c.n), 4 * int64(c.n), 0}
	}
	return stateParts{int64(c.n), roundUp(int64(c.n), stateAlign), 4 * int64(ceilDiv(int(c.n), scaledBlock))}
}

func (s stateParts) bytes() int64 { return 2 * (s.padded + s.scales) }

// quantized returns how many elements have 8-bit state, and how many there are.
func (p *statePlan) quantized() (eight, total int) {
	for _, c := range p.pieces {
		total += int(c.n)
		eight += int(c.n * c.eight)
	}
	return eight, total
}

// eight reports whether tensor i has 8-bit state.
func (p *statePlan) eight(i int) bool { return p.sizes[i] > 0 && p.pieces[p.starts[i]].eight != 0 }

// tensors returns the state's tensors, zero, named and ordered as package optim does.
func (p *statePlan) tensors() []engine.StateTensor {
	var all []engine.StateTensor
	for i, name := range p.names {
		n := p.sizes[i]
		if !p.eight(i) {
			all = append(all, engine.StateTensor{Name: name + ".m", F32: make([]float32, n)}, engine.StateTensor{Name: name + ".v", F32: make([]float32, n)})
			continue
		}
		blocks := ceilDiv(n, scaledBlock)
		all = append(all,
			engine.StateTensor{Name: name + ".m", U8: make([]byte, n)}, engine.StateTensor{Name: name + ".v", U8: make([]byte, n)},
			engine.StateTensor{Name: name + ".m_absmax", F32: make([]float32, blocks)}, engine.StateTensor{Name: name + ".v_absmax", F32: make([]float32, blocks)})
	}
	return all
}

// gather fills tensors, made by p.tensors, from the state's bytes, and scatter the
// other way round.
func (p *statePlan) gather(tensors []engine.StateTensor, bytes []byte) {
	p.each(tensors, func(part []byte, at int64) { copy(part, bytes[at:]) })
}

func (p *statePlan) scatter(bytes []byte, tensors []engine.StateTensor) {
	p.each(tensors, func(part []byte, at int64) { copy(bytes[at:], part) })
}

// each calls f with every part of tensors and where it lies in the state.
func (p *statePlan) each(tensors []engine.StateTensor, f func(part []byte, at int64)) {
	for i := range p.names {
		count := 2
		if p.eight(i) {
			count = 4
		}
		var flat [][]byte
		for _, t := range tensors[:count] {
			if t.F32 != nil {
				flat = append(flat, raw(t.F32))
			} else {
				flat = append(flat, t.U8)
			}
		}
		tensors = tensors[count:]
		var offsets [4]int64
		for _, c := range p.pieces[p.starts[i]:p.starts[i+1]] {
			s := c.parts()
			at := c.state
			for j := range flat {
				length, padded := s.moment, s.padded
				if j >= 2 {
					length, padded = s.scales, s.scales
				}
				f(flat[j][offsets[j]:offsets[j]+length], at)
				offsets[j] += length
				at += padded
			}
		}
	}
}

// raw is x as bytes, in place.
func raw(x []float32) []byte {
	if len(x) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), 4*len(x))
}
