//go:build cuda

package cuda

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"daybook/engine"
)

// host is a matrix on the host beside its buffer, with the values as the device has them.
type host struct {
	rows, cols int
	v          []float32
	buf        *buffer
}

func newHost(t *testing.T, b *Backend, r *rand.Rand, kind engine.Kind, rows, cols, beside int) host {
	t.Helper()
	specs := []engine.BufferSpec{{Name: "m", Kind: kind, Len: rows * cols, Width: cols}}
	if beside > 0 {
		specs = append(specs, engine.BufferSpec{Name: "beside", Kind: kind, Len: rows * beside, Width: beside, Beside: "m"})
	}
	buffers, err := b.Allocate(specs)
	if err != nil {
		t.Fatal(err)
	}
	h := host{rows: rows, cols: cols, v: make([]float32, rows*cols)}
	var ok bool
	if h.buf, ok = buffers[0].(*buffer); !ok {
		t.Fatal("not a buffer")
	}
	for i := range h.v {
		h.v[i] = float32(r.NormFloat64())
	}
	if err := b.Upload(h.buf, h.v); err != nil {
		t.Fatal(err)
	}
	h.read(t, b)
	return h
}

func (h host) read(t *testing.T, b *Backend) {
	t.Helper()
	if err := b.Download(h.v, h.buf); err != nil {
		t.Fatal(err)
	}
}

// lines are the rows of h, or its columns if it is used transposed.
func (h host) lines(transposed bool) [][]float64 {
	n, length, step, next := h.rows, h.cols, h.cols, 1
	if transposed {
		n, length, step, next = h.cols, h.rows, 1, h.cols
	}
	all := make([][]float64, n)
	for i := range all {
		all[i] = make([]float64, length)
		for j := range all[i] {
			all[i][j] = float64(h.v[i*step+j*next])
		}
	}
	return all
}

// TestMatmul compares products with float64 sums: all transposes, odd widths,
// strides, an addend, and results in float32.
func TestMatmul(t *testing.T) {
	for _, o := range everywhere(t) {
		t.Run(o.name(), func(t *testing.T) {
			b := start(t, o)
			r := rand.New(rand.NewPCG(rand.Uint64(), 1))
			for _, d := range []struct{ rows, n, k int }{{1, 64, 48}, {37, 96, 67}, {130, 101, 256}, {5, 8, 3}, {200, 264, 1040}} {
				for mask := range 16 {
					p := product{xTransposed: mask&1 != 0, wByColumns: mask&2 != 0, wide: mask&4 != 0}
					if mask&8 != 0 {
						p.beta = 1
					}
					t.Run(fmt.Sprintf("%d,%d,%d/%d", d.rows, d.n, d.k, mask), func(t *testing.T) { checkProduct(t, b, r, p, d.rows, d.n, d.k) })
				}
			}
			for _, a := range algorithms(b.products.known) {
				t.Log(a)
			}
		})
	}
}

func checkProduct(t *testing.T, b *Backend, r *rand.Rand, p product, rows, n, k int) {
	t.Helper()
	kind := engine.Activation
	if p.wide {
		kind = engine.Float
	}
	out, c := newHost(t, b, r, kind, rows, n, 13), newHost(t, b, r, kind, rows, n, 0)
	x, w := newHost(t, b, r, engine.Activation, rows, k, 5), newHost(t, b, r, engine.Activation, n, k, 0)
	if p.xTransposed {
		x = newHost(t, b, r, engine.Activation, k, rows, 0)
	}
	if p.wByColumns {
		w = newHost(t, b, r, engine.Activation, k, n, 3)
	}
	p.out, p.c, p.x, p.w = out.buf.matrix(), c.buf.matrix(), x.buf.matrix(), w.buf.matrix()
	if err := b.run("product", func() error { return b.matmul(p) }); err != nil {
		t.Fatal(err)
	}
	out.read(t, b)
	var diff, size float64
	xs, ws := x.lines(p.xTransposed), w.lines(p.wByColumns)
	for i := range rows {
		for j := range n {
			want := float64(p.beta) * float64(c.v[i*n+j])
			for l, v := range xs[i] {
				want += v * ws[j][l]
			}
			got := float64(out.v[i*n+j])
			diff, size = diff+(got-want)*(got-want), size+want*want
		}
	}
	tol := 3e-6
	if b.bf16 && !p.wide {
		tol = 4e-3
	}
	if rel := math.Sqrt(diff / size); !(rel <= tol) {
		t.Errorf("differs by %.2g of its norm, want at most %.2g", rel, tol)
	}
}

// TestMatmulRows computes the rows of a product alone and in several numbers:
// a row's bits must not depend on the others.
func TestMatmulRows(t *testing.T) {
	for _, o := range everywhere(t) {
		t.Run(o.name(), func(t *testing.T) {
			b := start(t, o)
			r := rand.New(rand.NewPCG(rand.Uint64(), 2))
			for _, d := range []struct{ n, k int }{{4096, 4112}, {1024, 14352}, {96, 67}, {512, 2048}} {
				const rows = 4100
				x, w, c := newHost(t, b, r, engine.Activation, rows, d.k, 0), newHost(t, b, r, engine.Activation, d.n, d.k, 0), newHost(t, b, r, engine.Activation, rows, d.n, 0)
				out := newHost(t, b, r, engine.Activation, rows, d.n, 0)
				p := product{x: x.buf.matrix(), w: w.buf.matrix(), c: c.buf.matrix(), out: out.buf.matrix(), beta: 1}
				multiply := func(p product) {
					t.Helper()
					if err := b.run("product", func() error { return b.matmul(p) }); err != nil {
						t.Fatal(err)
					}
				}
				multiply(p)
				want := make([]float32, len(out.v))
				if err := b.Download(want, out.buf); err != nil {
					t.Fatal(err)
				}
				for _, part := range [][2]int{{0, 1}, {1, 8}, {17, 100}, {2048, 2049}, {1000, 3048}, {4099, 4100}} {
					from, to := part[0], part[1]
					q := p
					for _, m := range []*matrix{&q.x, &q.c, &q.out} {
						m.ptr, m.rows = m.ptr.offset(from*m.stride*b.size), to-from
					}
					multiply(q)
					out.read(t, b)
					for i := from * d.n; i < to*d.n; i++ {
						if math.Float32bits(out.v[i]) != math.Float32bits(want[i]) {
							t.Errorf("width %d over %d: rows %d to %d: element %d is %g, with all rows %g", d.n, d.k, from, to, i, out.v[i], want[i])
							break
						}
					}
				}
			}
		})
	}
}
