package checkpoint

import (
	"fmt"
	"io"
	"runtime"

	"golang.org/x/sync/errgroup"

	"daybook/engine"
	"daybook/engine/nf4"
)

// finite sets dst to elements from on of a tensor of weights, all of which must be finite.
func (t Tensor) finite(dst []float32, from int) error {
	t.decode(dst, from)
	if i := nf4.FirstNonFinite(dst); i >= 0 {
		return &ValueError{from + i, dst[i]}
	}
	return nil
}

// blocks writes n elements of type d, size of them at a time: compute fills in those
// from an index on, side by side with others. Sums come out the same however many
// processors there are: each block's are added in order.
func (m *merger) blocks(to io.Writer, n, size int, d DType, compute func(dst []float32, from int) (norms, error)) error {
	_, err := m.summed(to, n, size, d, compute)
	return err
}

func (m *merger) summed(to io.Writer, n, size int, d DType, compute func(dst []float32, from int) (norms, error)) (total norms, err error) {
	width := runtime.GOMAXPROCS(0)
	values, bytes, sums := make([][]float32, width), make([][]byte, width), make([]norms, width)
	for i := range width {
		values[i], bytes[i] = make([]float32, min(size, n)), make([]byte, min(size, n)*dtypeSize[d])
	}
	for at := 0; at < n; at += width * size {
		var g errgroup.Group
		for i := range width {
			from := at + i*size
			if from >= n {
				break
			}
			g.Go(func() error {
				v := values[i][:min(size, n-from)]
				return guard(func() (err error) {
					if sums[i], err = compute(v, from); err != nil {
						return err
					}
					if bad, ok := encode(bytes[i], d, v); !ok {
						return fmt.Errorf("%g is more than %s holds; write wider ones", bad, d)
					}
					sums[i].rounding = rounding(bytes[i], d, v)
					return nil
				})
			})
		}
		if err := g.Wait(); err != nil {
			return total, err
		}
		for i := range width {
			from := at + i*size
			if from >= n {
				break
			}
			count := min(size, n-from)
			if _, err := to.Write(bytes[i][:count*dtypeSize[d]]); err != nil {
				return total, err
			}
			total.add(sums[i])
			m.count(count)
		}
	}
	return total, nil
}

// rounding is the sum of squares of what encoding changed.
func rounding(data []byte, d DType, values []float32) (sum float64) {
	if d == F32 {
		return 0
	}
	t := Tensor{DType: d, Data: data}
	var part [256]float32
	for from := 0; from < len(values); from += len(part) {
		back := part[:min(len(part), len(values)-from)]
		t.decode(back, from)
		for i, v := range back {
			e := float64(v) - float64(values[from+i])
			sum += float64(e * e) // rounded before it is added, on every processor
		}
	}
	return sum
}

// projection writes a weight with its part of the adapter folded in.
func (m *merger) projection(to io.Writer, name string, at place, d DType) error {
	rows, cols := at.p.Dims(m.shape)
	own, q, err := m.sides(name, rows, cols)
	if err != nil {
		return err
	}
	a, b := m.adapter.Layers[at.layer].A[at.p], m.adapter.Layers[at.layer].B[at.p]
	rank, scale := m.adapter.LoRA.Rank, m.adapter.LoRA.Scale()
	some := max(1, chunk/cols) * cols // whole rows
	total, err := m.summed(to, rows*cols, some, d, func(dst []float32, from int) (norms, error) {
		var s norms
		if own != nil {
			if err := own.finite(dst, from); err != nil {
				return s, err
			}
		}
		if q != nil {
			s = dequantized(dst, q, from, own != nil, m.o.Dequantized)
		}
		if own != nil && q == nil || own == nil {
			s.base = squares(dst)
		}
		if a == nil {
			return s, nil
		}
		delta := make([]float32, cols)
		for r := range len(dst) / cols {
			half := b[(from/cols+r)*rank:][:rank]
			clear(delta)
			for k, v := range half {
				axpy(delta, a[k*cols:][:cols], float32(scale*v))
			}
			s.adapter += squares(delta)
			for i, v := range delta {
				dst[r*cols+i] += v
			}
		}
		return s, nil
	})
	m.sums[at.p].add(total)
	return err
}

// sides returns a projection's own weights, nil if they are packed, and what they are
// quantized to, nil if they aren't.
func (m *merger) sides(name string, rows, cols int) (own *Tensor, q *engine.NF4, err error) {
	if m.w.files[name].Tensors[name].DType == U8 {
		err = guard(func() (err error) {
			q, err = readPacked(m.w.view, name, rows, cols, m.q.DoubleQuant)
			return err
		})
		return nil, q, err
	}
	t, err := m.w.view(name)
	if err != nil || m.o.Quantization.Kind == "none" || m.w.packed != nil {
		return &t, nil, err
	}
	n := rows * cols
	q = &engine.NF4{Codes: make([]byte, n/2), Absmax: make([]float32, n/nf4.BlockSize)}
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for from := 0; from < n; from += chunk {
		g.Go(func() error {
			return guard(func() error {
				values := make([]float32, min(chunk, n-from))
				if err := t.finite(values, from); err != nil {
					return err
				}
				nf4.QuantizeBlocks(q.Codes[from/2:], q.Absmax[from/nf4.BlockSize:], values)
				return nil
			})
		})
	}
	if err := g.Wait(); err != nil {
		return nil, nil, err
	}
	if m.q.DoubleQuant {
		q = nf4.Compress(q)
	}
	return &t, q, nil
}

// dequantized compares the weights in dst, if they are there, with what q makes of
// them, and puts the latter in their place if it is to be kept or there are no others.
func dequantized(dst []float32, q *engine.NF4, from int, compare, keep bool) (s norms) {
	var part [nf4.BlockSize * 16]float32
	for i := 0; i < len(dst); i += len(part) {
		own := dst[i:min(i+len(part), len(dst))]
		back := part[:len(own)]
		nf4.DequantizeRange(back, q, from+i)
		if compare {
			for j, v := range own {
				e := float64(back[j]) - float64(v)
				s.base += float64(float64(v) * float64(v))
				s.quantization += float64(e * e)
			}
		}
		if keep || !compare {
			copy(own, back)
		}
	}
	return s
}

func squares(values []float32) (sum float64) {
	for _, v := range values {
		sum += float64(float64(v) * float64(v))
	}
	return sum
}

// axpy adds c*x to y. The product is rounded by itself: fused, it would differ from
// one processor to another.
func axpy(y, x []float32, c float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] += float32(c * x[i])
	}
}
