//go:build cuda

package cuda

import (
	"math"
	"math/rand/v2"
	"testing"

	"daybook/engine"
	"daybook/engine/nf4"
)

// TestDecode compares products of few rows with float64, and every row with the
// same row among others: they must be equal to the bit.
func TestDecode(t *testing.T) {
	const most = fewRows + 6
	for _, c := range []struct {
		name             string
		outs, cols, rank int
		format           string
		gated, normed    bool
	}{
		{"nf4", 48, 192, 5, "nf4", false, true},
		{"nf4 of rows that share blocks", 66, 96, 16, "nf4", false, false},
		{"nf4 gated", 80, 320, 3, "nf4", true, true},
		{"gated, simply", 24, 40, 3, "dense", true, true},
		{"dense", 101, 128, 20, "dense", false, true},
	} {
		for _, o := range everywhere(t) {
			t.Run(c.name+"/"+o.name(), func(t *testing.T) {
				b := start(t, o)
				r := rand.New(rand.NewPCG(3, uint64(c.cols)))
				g := decodeRig{t: t, b: b, r: r}
				x, xs := g.buffer(engine.Activation, most, c.cols, 30)
				norm, ns := g.buffer(engine.Float, 1, c.cols, 1)
				p := few{x: x, gated: c.gated}
				if c.normed {
					p.norm = norm.ptr
				}
				count := 1
				if c.gated {
					count = 2
				}
				var want [][]float64
				for range count {
					w, ws := g.weight(c.outs, c.cols, c.format)
					a, as := g.buffer(engine.Float, c.rank, c.cols, 0.1)
					f, fs := g.buffer(engine.Float, c.outs, c.rank, 0.1)
					p.weights = append(p.weights, w)
					p.adapters = append(p.adapters, &pair{rank: c.rank, outs: c.outs, scale: 0.5, a: a.ptr, b: f.ptr})
					rows := make([][]float64, most)
					for i := range rows {
						rows[i] = g.normalised(xs[i*c.cols:(i+1)*c.cols], ns, c.normed)
					}
					want = append(want, linear(rows, ws, as, fs, c.outs, c.cols, c.rank, 0.5))
				}
				if c.gated {
					for i, v := range want[0] {
						want[0][i] = v / (1 + math.Exp(-v)) * want[1][i]
					}
				}
				full := g.decode(p, most, c.outs)
				tolerance := 4e-3
				if !b.bf16 {
					tolerance = 2e-5
				}
				if d := distance(full, want[0]); !(d < tolerance) {
					t.Errorf("differs from float64 by %.2g of its norm, want at most %.2g", d, tolerance)
				} else {
					t.Logf("differs from float64 by %.2g of its norm", d)
				}
				for _, n := range []int{1, 3, 8, 9, 16, 17, 32, 33, fewRows, fewRows + 1} {
					for i, v := range g.decode(p, n, c.outs) {
						if v != full[i] {
							t.Fatalf("row %d of %d: element %d is %g, with others %g", i/c.outs, n, i%c.outs, v, full[i])
						}
					}
				}
			})
		}
	}
}

// decodeRig makes random operands.
type decodeRig struct {
	t *testing.T
	b *Backend
	r *rand.Rand
}

func (g *decodeRig) must(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

func (g *decodeRig) normal(n int, scale float64) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(scale * g.r.NormFloat64())
	}
	return v
}

// buffer returns a random matrix and what it holds. Activations lie in rows.
func (g *decodeRig) buffer(kind engine.Kind, rows, width int, scale float64) (matrix, []float32) {
	g.t.Helper()
	spec := engine.BufferSpec{Name: "test", Kind: kind, Len: rows * width}
	if kind == engine.Activation {
		spec.Width = width
	}
	buf, err := g.b.Allocate([]engine.BufferSpec{spec})
	g.must(err)
	g.must(g.b.Upload(buf[0], g.normal(rows*width, scale)))
	v := make([]float32, rows*width)
	g.must(g.b.Download(v, buf[0]))
	g.t.Cleanup(func() { _ = buf[0].Len() }) // alive until then
	return g.matrix(buf[0], rows, width), v
}

// weight returns a random weight and its values.
func (g *decodeRig) weight(rows, cols int, format string) (*weight, []float32) {
	g.t.Helper()
	v := g.normal(rows*cols, 0.05)
	m := engine.Matrix{Rows: rows, Cols: cols}
	if format == "nf4" {
		m.NF4 = nf4.Quantize(v, true)
		nf4.Dequantize(v, m.NF4)
	} else {
		m.BF16 = make([]uint16, len(v))
		for i := range v {
			m.BF16[i] = engine.BFloat16(v[i])
			v[i] = fromBFloat16(m.BF16[i])
		}
	}
	made, err := g.b.NewWeight(m)
	g.must(err)
	w, ok := made.(*weight)
	if !ok {
		g.t.Fatalf("a weight of type %T", made)
	}
	return w, v
}

func (g *decodeRig) matrix(b engine.Buffer, rows, width int) matrix {
	g.t.Helper()
	var o operands
	m := o.matrix("test", b, rows, width)
	g.must(o.err)
	return m
}

// decode returns the first n rows of p.
func (g *decodeRig) decode(p few, n, outs int) []float32 {
	g.t.Helper()
	buf, err := g.b.Allocate([]engine.BufferSpec{{Name: "out", Len: n * outs, Width: outs}})
	g.must(err)
	nan := make([]float32, n*outs)
	for i := range nan {
		nan[i] = float32(math.NaN())
	}
	g.must(g.b.Upload(buf[0], nan))
	p.n, p.outs = n, []matrix{g.matrix(buf[0], n, outs)}
	g.must(g.b.run("decode", func() error { return g.b.decode(p) }))
	v := make([]float32, n*outs)
	g.must(g.b.Download(v, buf[0]))
	return v
}

// normalised is a row as the products see it: rounded to the compute type.
func (g *decodeRig) normalised(x, weight []float32, normed bool) []float64 {
	y, sum := make([]float64, len(x)), 0.0
	for i, v := range x {
		y[i] = float64(v)
		sum += y[i] * y[i]
	}
	if !normed {
		return y
	}
	inverse := 1 / math.Sqrt(sum/float64(len(x))+g.b.shape.NormEps)
	for i := range y {
		y[i] *= inverse * float64(weight[i])
		if g.b.bf16 {
			y[i] = float64(fromBFloat16(engine.BFloat16(float32(y[i]))))
		}
	}
	return y
}

// linear is x W^T + scale * (x A^T) B^T in float64.
func linear(x [][]float64, w, a, b []float32, outs, cols, rank int, scale float64) []float64 {
	var y []float64
	for _, row := range x {
		low := make([]float64, rank)
		for r := range low {
			for k, v := range row {
				low[r] += v * float64(a[r*cols+k])
			}
		}
		for n := range outs {
			sum := 0.0
			for k, v := range row {
				sum += v * float64(w[n*cols+k])
			}
			for r, v := range low {
				sum += scale * v * float64(b[n*rank+r])
			}
			y = append(y, sum)
		}
	}
	return y
}

// distance is ‖got-want‖/‖want‖, NaN if anything is.
func distance(got []float32, want []float64) float64 {
	var diff, size float64
	for i, w := range want {
		diff += (float64(got[i]) - w) * (float64(got[i]) - w)
		size += w * w
	}
	return math.Sqrt(diff / size)
}
