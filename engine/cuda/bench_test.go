//go:build cuda

package cuda

import (
	"cmp"
	"fmt"
	"runtime"
	"testing"

	"daybook/engine"
	"daybook/engine/nf4"
)

// benchBackend opens the first GPU for products and weights of any size; the benchmark
// is skipped where there is none.
func benchBackend(tb *testing.B) *Backend {
	tb.Helper()
	be, err := open(engine.Shape{
		Vocab: 128, Hidden: 128, Layers: 1, Heads: 1, KVHeads: 1, HeadDim: 128, Intermediate: 128, MaxPositions: 1,
	}, Options{})
	if err != nil {
		tb.Skip(err)
	}
	tb.Cleanup(func() {
		if err := be.Close(); err != nil {
			tb.Error(err)
		}
	})
	return be
}

// BenchmarkMatmul times the products of a layer of an 8B model with adapters of
// rank 16 on all projections, 8,192 tokens, forward and backward.
func BenchmarkMatmul(tb *testing.B) {
	be := benchBackend(tb)
	const rows = 8192
	for _, d := range []struct {
		name string
		n, k int
	}{{"qkv", 6144, 4096 + 48}, {"o", 4096, 4096 + 16}, {"gate+up", 28672, 4096 + 32}, {"down", 4096, 14336 + 16}} {
		for _, backward := range []bool{false, true} {
			tb.Run(fmt.Sprintf("%s/backward=%v", d.name, backward), func(tb *testing.B) {
				buffers, err := be.Allocate([]engine.BufferSpec{
					{Name: "x", Len: rows * d.k, Width: d.k},
					{Name: "y", Len: rows * d.n, Width: d.n},
					{Name: "w", Len: d.n * d.k, Width: d.k},
				})
				if err != nil {
					tb.Fatal(err)
				}
				// Products of zeros run faster than those of real data.
				random := make([]float32, max(rows*d.n, rows*d.k, d.n*d.k))
				for i := range random {
					random[i] = float32(int32(engine.Mix(uint64(i)))) / (1 << 31)
				}
				for _, b := range buffers {
					if err := be.Upload(b, random[:b.Len()]); err != nil {
						tb.Fatal(err)
					}
				}
				var o operands
				x, y, w := o.matrix("x", buffers[0], rows, d.k), o.matrix("y", buffers[1], rows, d.n), o.matrix("w", buffers[2], d.n, d.k)
				p := product{out: y, x: x, w: w}
				if backward {
					p = product{out: x, x: y, w: w, wByColumns: true}
				}
				err = be.run("product", func() error {
					for range 3 {
						if err := be.matmul(p); err != nil {
							return err
						}
					}
					if err := be.wait(); err != nil {
						return err
					}
					tb.ResetTimer()
					for range tb.N {
						if err := be.matmul(p); err != nil {
							return err
						}
					}
					return be.wait()
				})
				if err != nil {
					tb.Fatal(err)
				}
				tb.ReportMetric(2*rows*float64(d.n)*float64(d.k)*float64(tb.N)/tb.Elapsed().Seconds()/1e12, "TFLOP/s")
			})
		}
	}
	for _, a := range algorithms(be.products.known) {
		tb.Log(a)
	}
}

// BenchmarkUnpack times what all base weights of a layer of an 8B model take to be
// written as products read them, in NF4 and, copied, in bfloat16. A step with full
// checkpointing does it three times a layer.
func BenchmarkUnpack(tb *testing.B) {
	be := benchBackend(tb)
	const hidden, kv, wide = 4096, 1024, 14336
	shapes := [][2]int{{hidden, hidden}, {kv, hidden}, {kv, hidden}, {hidden, hidden}, {wide, hidden}, {wide, hidden}, {hidden, wide}}
	random := make([]float32, wide*hidden)
	for i := range random {
		random[i] = float32(int32(engine.Mix(uint64(i)))) / (1 << 31) / 50
	}
	to, err := be.Allocate([]engine.BufferSpec{{Name: "unpacked", Len: wide * hidden, Width: wide}})
	if err != nil {
		tb.Fatal(err)
	}
	var o operands
	at := o.matrix("unpacked", to[0], hidden, wide).ptr
	for _, format := range []string{"nf4", "bfloat16"} {
		tb.Run(format, func(tb *testing.B) {
			var weights []*weight
			for _, s := range shapes {
				m := engine.Matrix{Rows: s[0], Cols: s[1]}
				if format == "nf4" {
					m.NF4 = nf4.Quantize(random[:s[0]*s[1]], true)
				} else {
					m.BF16 = make([]uint16, s[0]*s[1])
					for i := range m.BF16 {
						m.BF16[i] = engine.BFloat16(random[i])
					}
				}
				made, err := be.NewWeight(m)
				if err != nil {
					tb.Fatal(err)
				}
				w, ok := made.(*weight)
				if !ok {
					tb.Fatalf("a weight of type %T", made)
				}
				weights = append(weights, w)
			}
			layer := func() error {
				for _, w := range weights {
					if err := be.unpack(matrix{at, w.rows, w.cols, w.cols}, w, nil, 0); err != nil {
						return err
					}
				}
				return nil
			}
			err := be.run("unpack", func() error {
				if err := cmp.Or(layer(), be.wait()); err != nil {
					return err
				}
				tb.ResetTimer()
				for range tb.N {
					if err := layer(); err != nil {
						return err
					}
				}
				return be.wait()
			})
			if err != nil {
				tb.Fatal(err)
			}
		})
	}
	runtime.KeepAlive(to)
}
