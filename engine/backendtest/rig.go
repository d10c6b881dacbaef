package backendtest

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"daybook/engine"
)

// rig is a backend under test with a source of random inputs.
type rig struct {
	t   *testing.T
	be  recorder
	s   engine.Shape
	r   *rand.Rand
	tol tolerance
}

// run runs f as a subtest with the same backend and random source.
func (g *rig) run(name string, f func(g *rig)) {
	g.t.Helper()
	g.t.Run(name, func(t *testing.T) {
		sub := *g
		sub.t = t
		f(&sub)
	})
}

// normal returns n normally distributed float32 values.
func (g *rig) normal(n int, scale float64) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(scale * g.r.NormFloat64())
	}
	return x
}

// allocate returns a zeroed buffer, nil for no elements.
func (g *rig) allocate(kind engine.Kind, n int) engine.Buffer {
	g.t.Helper()
	if n == 0 {
		return nil
	}
	b, err := g.be.Allocate([]engine.BufferSpec{{Name: "test", Kind: kind, Len: n}})
	if err != nil {
		g.t.Fatalf("allocate %d elements: %v", n, err)
	}
	if len(b) != 1 || b[0].Len() != n {
		g.t.Fatalf("allocate %d elements: got %d buffers", n, len(b))
	}
	return b[0]
}

// put returns a buffer holding x as the backend's type can, and what it holds.
func (g *rig) put(kind engine.Kind, x []float32) (engine.Buffer, []float64) {
	g.t.Helper()
	b := g.allocate(kind, len(x))
	g.upload(b, x)
	return b, g.get(b)
}

// fill uploads x to b and returns what b holds.
func (g *rig) fill(b engine.Buffer, x []float32) []float64 {
	g.t.Helper()
	g.upload(b, x)
	return g.get(b)
}

func (g *rig) upload(b engine.Buffer, x []float32) {
	g.t.Helper()
	if err := g.be.Upload(b, x); err != nil {
		g.t.Fatalf("upload: %v", err)
	}
}

// poisoned returns a buffer of NaN, so that an element nobody writes shows.
func (g *rig) poisoned(kind engine.Kind, n int) engine.Buffer {
	g.t.Helper()
	b := g.allocate(kind, n)
	if b != nil {
		g.poison(b)
	}
	return b
}

func (g *rig) poison(b engine.Buffer) {
	g.t.Helper()
	g.upload(b, slices.Repeat([]float32{float32(math.NaN())}, b.Len()))
}

func (g *rig) download(b engine.Buffer) []float32 {
	g.t.Helper()
	x := make([]float32, b.Len())
	if err := g.be.Download(x, b); err != nil {
		g.t.Fatalf("download: %v", err)
	}
	return x
}

func (g *rig) get(b engine.Buffer) []float64 {
	g.t.Helper()
	return widen(g.download(b))
}

func widen(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

func narrow(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}

// must fails the test if an operation reported an error.
func (g *rig) must(what string, err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatalf("%s: %v", what, err)
	}
}

// compare checks the first len(want) elements of got against the reference by
// relative norm. A wrong result is in error by its own size, far above any
// tolerance, so one number a tensor is enough; single elements near zero have
// no relative accuracy to ask for.
func (g *rig) compare(name string, got, want []float64, tol float64) {
	g.t.Helper()
	if len(got) < len(want) {
		g.t.Errorf("%s: %d elements, want %d", name, len(got), len(want))
		return
	}
	var diff, size float64
	for i, w := range want {
		if math.IsNaN(got[i]) {
			g.t.Errorf("%s: element %d of %d is NaN or was never written", name, i, len(want))
			return
		}
		diff += (got[i] - w) * (got[i] - w)
		size += w * w
	}
	if size == 0 {
		g.t.Errorf("%s: the reference is all zeros, which proves nothing", name)
		return
	}
	rel := math.Sqrt(diff / size)
	if !(rel <= tol) {
		g.t.Errorf("%s: differs from the reference by %.2g of its norm, want at most %.2g", name, rel, tol)
		return
	}
	if testing.Verbose() {
		g.t.Logf("%s: %.2g", name, rel)
	}
}

// compareUlps checks every element of a pointwise operation's result against the
// reference: within so many units of the last place that the backend's type has.
// A result that is a difference of larger terms, of size scale, is not asked for
// more places than float32 gives those.
func (g *rig) compareUlps(name string, got, want []float64, scale float64) {
	g.t.Helper()
	bits := 24
	if g.be.Numerics().Compute == "bfloat16" {
		bits = 8
	}
	worst, at := 0.0, 0
	for i, w := range want {
		_, exponent := math.Frexp(w)
		unit := math.Max(math.Ldexp(1, exponent-bits), scale*math.Exp2(-22))
		if d := math.Abs(got[i]-w) / unit; !(d <= worst) {
			worst, at = d, i
		}
	}
	if !(worst <= g.tol.ulps) {
		g.t.Errorf("%s: element %d is %g, want %g: %.2g units of the last place apart, want at most %g", name, at, got[at], want[at], worst, g.tol.ulps)
	} else if testing.Verbose() {
		g.t.Logf("%s: %.2g ulp", name, worst)
	}
}

// same checks that two results are equal to the bit.
func (g *rig) same(name string, got, want []float32) {
	g.t.Helper()
	if len(got) != len(want) {
		g.t.Errorf("%s: %d elements, want %d", name, len(got), len(want))
		return
	}
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			g.t.Errorf("%s: element %d is %g, want exactly %g", name, i, got[i], want[i])
			return
		}
	}
}

// document lengths of the batches: short ones with the edge case 1, and ones
// that cross the tile sizes a device may use.
var (
	shortDocuments = []int{5, 1, 9, 3}
	longDocuments  = []int{70, 1, 33, 130}
)

// batch returns documents of the given lengths with dropout keys; about a
// third of the targets are ignored, the last of each document always.
func (g *rig) batch(lengths ...int) *engine.Batch {
	b := &engine.Batch{}
	for _, n := range lengths {
		tokens, targets := make([]int32, n), make([]int32, n)
		for i := range tokens {
			tokens[i] = int32(g.r.IntN(g.s.Vocab))
			targets[i] = int32(g.r.IntN(g.s.Vocab))
			if i == n-1 || g.r.IntN(3) == 0 {
				targets[i] = engine.Ignore
			}
		}
		if n > 2 {
			targets[0] = int32(g.r.IntN(g.s.Vocab))
		}
		b.Add(tokens, targets, g.r.Uint64())
	}
	return b
}

// load puts b on the device, with capacity for exactly its tokens.
func (g *rig) load(b *engine.Batch) engine.DeviceBatch {
	g.t.Helper()
	return g.loadInto(b, len(b.Tokens), b.Documents())
}

func (g *rig) loadInto(b *engine.Batch, maxTokens, maxDocuments int) engine.DeviceBatch {
	g.t.Helper()
	in, err := g.be.NewBatch(maxTokens, maxDocuments)
	g.must("new batch", err)
	g.must("load", in.Load(b))
	if in.Tokens() != len(b.Tokens) {
		g.t.Fatalf("batch has %d tokens, want %d", in.Tokens(), len(b.Tokens))
	}
	return in
}

// document returns document d of b as a batch of its own.
func document(b *engine.Batch, d int) *engine.Batch {
	from, to := b.Starts[d], b.Starts[d+1]
	one := &engine.Batch{}
	one.Add(b.Tokens[from:to], b.Targets[from:to], b.Keys[d])
	return one
}
