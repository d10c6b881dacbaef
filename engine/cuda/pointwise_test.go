//go:build cuda

package cuda

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"daybook/engine"
	"daybook/engine/backendtest/reference"
)

// TestPointwise compares operations that read an element or a row with float64 on
// what their inputs hold: within two units of bfloat16's last place.
func TestPointwise(t *testing.T) {
	for _, o := range everywhere(t) {
		for _, width := range []int{8, 67, 80, 768, 4096, 5000} {
			for _, rows := range []int{1, 37} {
				t.Run(fmt.Sprintf("%s/%d by %d", o.name(), rows, width), func(t *testing.T) {
					g := pointwise{t: t, b: start(t, o), r: rand.New(rand.NewPCG(rand.Uint64(), 1)), rows: rows}
					g.rmsnorm(width)
					g.swiglu(width)
					g.bias(width)
				})
			}
			t.Run(fmt.Sprintf("%s/fused swiglu of %d", o.name(), width), func(t *testing.T) {
				b := start(t, o)
				for _, rank := range []int{8, 16, 32, 48, 104} {
					t.Run(fmt.Sprintf("rank %d", rank), func(t *testing.T) {
						g := pointwise{t: t, b: b, r: rand.New(rand.NewPCG(rand.Uint64(), 3)), rows: 37}
						g.fusedSwiglu(width, rank)
					})
				}
			})
		}
		for _, head := range []int{16, 64, 80, 96, 128} {
			t.Run(fmt.Sprintf("%s/heads of %d", o.name(), head), func(t *testing.T) { checkHeads(t, o, head) })
		}
	}
}

// pointwise makes operands.
type pointwise struct {
	t    *testing.T
	b    *Backend
	r    *rand.Rand
	rows int
}

func (g pointwise) host(width int) host {
	g.t.Helper()
	return newHost(g.t, g.b, g.r, engine.Activation, g.rows, width, 0)
}

func (g pointwise) run(name string, f func() error) {
	g.t.Helper()
	if err := g.b.run(name, f); err != nil {
		g.t.Fatal(err)
	}
}

func (g pointwise) rmsnorm(width int) {
	g.t.Helper()
	x, y, dy, d := g.host(width), g.host(width), g.host(width), g.host(width)
	w := newHost(g.t, g.b, g.r, engine.Float, 1, width, 0)
	g.run("rmsnorm", func() error { return g.b.rmsnorm(y.buf.matrix(), x.buf.matrix(), w.buf.ptr) })
	g.compare("rmsnorm", y, reference.RMSNorm(x.wide(), w.wide(), g.b.shape.NormEps))

	want := reference.RMSNormBackward(x.wide(), w.wide(), g.b.shape.NormEps, dy.wide())
	for i, v := range d.v {
		want[i] += float64(v)
	}
	g.run("rmsnorm backward", func() error {
		return g.b.rmsnormBackward(d.buf.matrix(), x.buf.matrix(), w.buf.ptr, dy.buf.matrix())
	})
	g.compare("rmsnorm backward", d, want)
}

func (g pointwise) swiglu(width int) {
	g.t.Helper()
	gate, up, y, dy, dgate, dup := g.host(width), g.host(width), g.host(width), g.host(width), g.host(width), g.host(width)
	g.run("swiglu", func() error { return g.b.swiglu(y.buf.matrix(), gate.buf.matrix(), up.buf.matrix()) })
	g.compare("swiglu", y, reference.SwiGLU(gate.wide(), up.wide()))
	g.run("swiglu backward", func() error {
		return g.b.swigluBackward(dgate.buf.matrix(), dup.buf.matrix(), gate.buf.matrix(), up.buf.matrix(), dy.buf.matrix())
	})
	wantGate, wantUp := reference.SwiGLUBackward(gate.wide(), up.wide(), dy.wide())
	g.compare("gradient of gate", dgate, wantGate)
	g.compare("gradient of up", dup, wantUp)
}

func (g pointwise) bias(width int) {
	g.t.Helper()
	x, bias := g.host(width), newHost(g.t, g.b, g.r, engine.Float, 1, width, 0)
	want := x.wide()
	for i := range want {
		want[i] += float64(bias.v[i%width])
	}
	g.run("bias", func() error { return g.b.addBias(x.buf.matrix(), bias.buf.ptr) })
	g.compare("bias", x, want)
}

// fusedSwiglu drives SwiGLU as training does: forward in the pass that computes down's
// low columns of it, backward in one that first adds what they contribute to the
// gradient, a product of a few numbers that is never stored.
func (g pointwise) fusedSwiglu(width, rank int) {
	g.t.Helper()
	gate, up, y, dy, dgate, dup := g.host(width), g.host(width), g.host(width), g.host(width), g.host(width), g.host(width)
	low, dlow, inner := g.host(rank), g.host(rank), g.host(2*rank)
	// One row each: the rows of factors and of their gradients have no gaps.
	floats := func(rows, cols int) host { return newHost(g.t, g.b, g.r, engine.Float, 1, rows*cols, 0) }
	a, gradA, gradGate, gradUp := floats(rank, width), floats(rank, width), floats(width, rank), floats(width, rank)
	for i := range a.v {
		a.v[i] /= float32(math.Sqrt(float64(rank)))
	}
	if err := g.b.Upload(a.buf, a.v); err != nil {
		g.t.Fatal(err)
	}
	down := &adapted{in: engine.DownInput, cols: width, ranks: rank, pairs: []pair{
		{projection: engine.Down, rank: rank, scale: 1, a: a.buf.ptr, gradA: gradA.buf.ptr},
	}}
	above := &adapted{in: engine.MLPInput, ranks: 2 * rank, pairs: []pair{
		{projection: engine.Gate, rank: rank, outs: width, scale: 1, gradB: gradGate.buf.ptr},
		{projection: engine.Up, rank: rank, outs: width, first: rank, scale: 1, gradB: gradUp.buf.ptr},
	}}
	tokens := &engine.Batch{}
	tokens.Add(make([]int32, g.rows), nil, 0)
	in, err := g.b.NewBatch(g.rows, 1)
	if err == nil {
		err = in.Load(tokens)
	}
	if err != nil {
		g.t.Fatal(err)
	}
	pass := func(name string, f func(d *batch, bl *engine.Block) error) {
		g.t.Helper()
		g.run(name, func() error {
			d, err := g.b.loaded(in)
			if err != nil {
				return err
			}
			return f(d, &engine.Block{Layer: &engine.Layer{}})
		})
	}
	pass("swiglu and low", func(d *batch, bl *engine.Block) error {
		return g.b.lowSwiglu(d, bl, down, y.buf.matrix(), low.buf.matrix(), gate.buf.matrix(), up.buf.matrix())
	})
	g.compare("swiglu beside low", y, reference.SwiGLU(gate.wide(), up.wide()))

	const cancels = 4 // the size of a sum of such products, times what gate and up give
	sum := dy.wide()
	for t := range g.rows {
		for r, l := range dlow.v[t*rank : (t+1)*rank] {
			for c, v := range a.v[r*width : (r+1)*width] {
				if g.b.bf16 {
					v = fromBFloat16(engine.BFloat16(v)) // as lora_pack leaves it
				}
				sum[t*width+c] += float64(l) * float64(v)
			}
		}
	}
	wantGate, wantUp := reference.SwiGLUBackward(gate.wide(), up.wide(), sum)
	pass("gradient of low and swiglu", func(d *batch, bl *engine.Block) error {
		return g.b.lowSwigluBackward(d, bl, down, dgate.buf.matrix(), dup.buf.matrix(), gate.buf.matrix(), up.buf.matrix(), dy.buf.matrix(), dlow.buf.matrix())
	})
	g.compareTo("gradient of gate beside low's", dgate, wantGate, cancels)
	g.compareTo("gradient of up beside low's", dup, wantUp, cancels)
	if !g.b.middleFused(down, above) {
		return
	}
	dgate, dup = g.host(width), g.host(width)
	pass("the middle of the backward pass", func(d *batch, bl *engine.Block) error {
		return g.b.middleBackward(d, bl, down, above, middle{
			dgate: dgate.buf.matrix(), dup: dup.buf.matrix(), gate: gate.buf.matrix(), up: up.buf.matrix(),
			dy: dy.buf.matrix(), dlow: dlow.buf.matrix(), low: inner.buf.matrix(),
		})
	})
	g.compareTo("gradient of gate in the middle", dgate, wantGate, cancels)
	g.compareTo("gradient of up in the middle", dup, wantUp, cancels)
}

// checkHeads turns heads by their positions, and back, and normalises them.
func checkHeads(t *testing.T, o Options, head int) {
	t.Helper()
	s := engine.Shape{
		Vocab: 8, Hidden: 8, Layers: 1, Heads: 3, KVHeads: 1, HeadDim: head, Intermediate: 8,
		RopeTheta: 500000, NormEps: 1e-5, MaxPositions: 5000,
	}
	b, err := open(s, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	batch := &engine.Batch{}
	for _, n := range []int{1, 4099, 33} {
		batch.Add(make([]int32, n), nil, 0)
	}
	rows := len(batch.Tokens)
	in, err := b.NewBatch(rows, 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Load(batch); err != nil {
		t.Fatal(err)
	}
	g := pointwise{t: t, b: b, r: rand.New(rand.NewPCG(rand.Uint64(), 2)), rows: rows}
	for _, sign := range []float32{1, -1} {
		x := g.host(s.QDim())
		want := x.wide()
		reference.Rotate(s, batch, want, s.Heads, float64(sign))
		g.run("rotate", func() error {
			d, err := b.loaded(in)
			if err != nil {
				return err
			}
			return b.rotate(d, x.buf.matrix(), sign)
		})
		g.compare(fmt.Sprintf("rotation by %g", sign), x, want)
	}

	x, y, d := g.host(s.QDim()), g.host(s.QDim()), g.host(s.QDim())
	w := newHost(t, b, g.r, engine.Float, 1, head, 0)
	g.run("headnorm", func() error { return b.headNorm(y.buf.matrix(), x.buf.matrix(), w.buf.ptr) })
	g.compare("headnorm", y, reference.RMSNorm(x.wide(), w.wide(), s.NormEps))
	want := reference.RMSNormBackward(x.wide(), w.wide(), s.NormEps, d.wide())
	g.run("headnorm backward", func() error { return b.headNormBackward(d.buf.matrix(), x.buf.matrix(), w.buf.ptr) })
	g.compare("headnorm backward", d, want)
}

// wide returns the values as the device has them.
func (h host) wide() []float64 { return reference.Widen(h.v) }

// compare reads h and compares it, element by element. Where terms cancel, no more
// places are asked for than float32 gives to terms of about 1.
func (g pointwise) compare(name string, h host, want []float64) {
	g.t.Helper()
	g.compareTo(name, h, want, 1)
}

// compareTo is compare where the terms that cancel, or their number, are of size scale.
func (g pointwise) compareTo(name string, h host, want []float64, scale float64) {
	g.t.Helper()
	h.read(g.t, g.b)
	bits, most := 8, 2.0
	if !g.b.bf16 {
		bits, most = 24, 16
	}
	worst, at := 0.0, 0
	for i, w := range want {
		_, exponent := math.Frexp(w)
		unit := math.Max(math.Ldexp(1, exponent-bits), scale*math.Exp2(-22))
		if d := math.Abs(float64(h.v[i])-w) / unit; !(d <= worst) {
			worst, at = d, i
		}
	}
	if !(worst <= most) {
		g.t.Errorf("%s: element %d is %g, want %g: %.3g units of the last place apart", name, at, h.v[at], want[at], worst)
	} else {
		g.t.Logf("%s: %.2g ulp", name, worst)
	}
}
