package cpu

import (
	"math"
	"testing"

	"daybook/engine"
)

// numbers returns n values in [-1, 1) that depend on seed.
func numbers(n int, seed uint64) []float32 {
	r := engine.NewRandom(seed)
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(2*r.Float64() - 1)
	}
	return out
}

func upload(tb testing.TB, be *Backend, values []float32) engine.Buffer {
	tb.Helper()
	bufs, err := be.Allocate([]engine.BufferSpec{{Name: "test", Kind: engine.Float, Len: len(values)}})
	if err != nil {
		tb.Fatal(err)
	}
	if err := be.Upload(bufs[0], values); err != nil {
		tb.Fatal(err)
	}
	return bufs[0]
}

func download(tb testing.TB, be *Backend, b engine.Buffer) []float32 {
	tb.Helper()
	out := make([]float32, b.Len())
	if err := be.Download(out, b); err != nil {
		tb.Fatal(err)
	}
	return out
}

func frozen(tb testing.TB, be *Backend, m engine.Matrix) *weight {
	tb.Helper()
	w, err := be.newWeight(m)
	if err != nil {
		tb.Fatal(err)
	}
	return w
}

// product computes y = x w^T, or x w if transposed.
func (b *Backend) product(tb testing.TB, x engine.Buffer, w *weight, y engine.Buffer, rows int, transposed bool) {
	tb.Helper()
	outs, ins := w.Dims()
	from, to := ins, outs
	if transposed {
		from, to = outs, ins
	}
	var o operands
	p := b.jobs.products[0]
	begin(p, o.floats("y", y, rows*to), nil, to, to)
	add(p, o.floats("x", x, rows*from), from, &w.matrix, transposed, 1)
	if o.err != nil {
		tb.Fatal(o.err)
	}
	if err := b.steps(rows, productStep(p)); err != nil {
		tb.Fatal(err)
	}
}

// sameBits fails at the first element that differs.
func sameBits(tb testing.TB, what string, got, want []float32) {
	tb.Helper()
	if len(got) != len(want) {
		tb.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			tb.Fatalf("%s: element %d is %v (%08x), want %v (%08x)", what, i,
				got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
		}
	}
}
