package reference

import (
	"flag"
	"math"
	"math/rand/v2"
	"testing"

	"daybook/engine"
)

var shape = engine.Shape{
	Vocab: 23, Hidden: 12, Layers: 2, Heads: 6, KVHeads: 2, HeadDim: 4, Intermediate: 10,
	RopeTheta: 77, NormEps: 1e-3, MaxPositions: 32,
}

var seedFlag = flag.Uint64("seed", 0, "draw what a test is made from with this `seed`, not a new one each time (0)")

// random returns a source with a seed that a failure prints, and that -seed repeats.
func random(t *testing.T) *rand.Rand {
	t.Helper()
	seed := *seedFlag
	for seed == 0 {
		seed = rand.Uint64()
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("repeat with -run '^%s$' -seed %d", t.Name(), seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}

func normal(r *rand.Rand, n int, scale float64) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = scale * r.NormFloat64()
	}
	return x
}

// batch has documents of 5, 1 and 4 tokens and some ignored targets.
func batch(r *rand.Rand) *engine.Batch {
	b := &engine.Batch{}
	for _, n := range []int{5, 1, 4} {
		tokens, targets := make([]int32, n), make([]int32, n)
		for i := range tokens {
			tokens[i], targets[i] = int32(r.IntN(shape.Vocab)), int32(r.IntN(shape.Vocab))
			if i == n-1 || i == 1 {
				targets[i] = engine.Ignore
			}
		}
		b.Add(tokens, targets, r.Uint64())
	}
	return b
}

// layer adapts all projections but k and up, with rank 3 and dropout.
func layer(r *rand.Rand, index int) *Layer {
	l := &Layer{Shape: shape, Index: index, Dropout: engine.Dropout{P: 0.3, Seed: r.Uint64(), Step: 3}}
	l.AttentionNorm, l.MLPNorm = normal(r, shape.Hidden, 1), normal(r, shape.Hidden, 1)
	for p := range engine.NumProjections {
		rows, cols := p.Dims(shape)
		l.Proj[p] = Linear{Rows: rows, Cols: cols, W: normal(r, rows*cols, 1/math.Sqrt(float64(cols)))}
		if p != engine.K && p != engine.Up {
			l.Proj[p].LoRA = &LoRA{
				Rank: 3, Scale: 1.5,
				A: normal(r, 3*cols, 1/math.Sqrt(float64(cols))), GradA: make([]float64, 3*cols),
				B: normal(r, rows*3, 0.5), GradB: make([]float64, rows*3),
			}
		}
	}
	return l
}

// checkGradient compares grad with central differences of f in every element
// of x. In float64 with h = 1e-5 the truncation error is about h^2 and the
// rounding error about 1e-16/h, so both stay below 1e-8 of the gradient's size.
func checkGradient(t *testing.T, name string, x, grad []float64, f func() float64) {
	t.Helper()
	const h = 1e-5
	want := make([]float64, len(x))
	for i := range x {
		old := x[i]
		x[i] = old + h
		up := f()
		x[i] = old - h
		down := f()
		x[i] = old
		want[i] = (up - down) / (2 * h)
	}
	var diff, size float64
	for i := range want {
		diff += (grad[i] - want[i]) * (grad[i] - want[i])
		size += want[i] * want[i]
	}
	if size == 0 {
		t.Errorf("%s: finite differences are all zero", name)
	}
	if rel := math.Sqrt(diff / size); !(rel < 1e-7) {
		t.Errorf("%s: differs from finite differences by %.2g", name, rel)
	}
}

func dot(x, y []float64) float64 {
	s := 0.0
	for i := range x {
		s += x[i] * y[i]
	}
	return s
}

// checkAdapters checks the gradients of the listed projections' adapters.
func checkAdapters(t *testing.T, l *Layer, f func() float64, projections ...engine.Projection) {
	t.Helper()
	for _, p := range projections {
		if a := l.Proj[p].LoRA; a != nil {
			checkGradient(t, p.String()+".A", a.A, a.GradA, f)
			checkGradient(t, p.String()+".B", a.B, a.GradB, f)
		}
	}
}

func TestRMSNormBackward(t *testing.T) {
	r := random(t)
	x, w, d := normal(r, 3*shape.Hidden, 1), normal(r, shape.Hidden, 1), normal(r, 3*shape.Hidden, 1)
	dx := RMSNormBackward(x, w, shape.NormEps, d)
	checkGradient(t, "x", x, dx, func() float64 { return dot(d, RMSNorm(x, w, shape.NormEps)) })
}

func TestQKVBackward(t *testing.T) {
	r := random(t)
	b, l := batch(r), layer(r, 1)
	n := len(b.Tokens)
	dq, dk, dv := normal(r, n*shape.QDim(), 1), normal(r, n*shape.KVDim(), 1), normal(r, n*shape.KVDim(), 1)
	act := &Activations{X: normal(r, n*shape.Hidden, 1)}
	f := func() float64 {
		a := &Activations{X: act.X}
		l.QKV(b, a)
		return dot(dq, a.Q) + dot(dk, a.K) + dot(dv, a.V)
	}
	l.QKV(b, act)
	dx := l.QKVBackward(b, act, dq, dk, dv)
	checkGradient(t, "x", act.X, dx, f)
	checkAdapters(t, l, f, engine.Q, engine.K, engine.V)
}

func TestAttentionBackward(t *testing.T) {
	r := random(t)
	b := batch(r)
	n := len(b.Tokens)
	act := &Activations{Q: normal(r, n*shape.QDim(), 1), K: normal(r, n*shape.KVDim(), 1), V: normal(r, n*shape.KVDim(), 1)}
	do := normal(r, n*shape.QDim(), 1)
	f := func() float64 {
		a := &Activations{Q: act.Q, K: act.K, V: act.V}
		Attention(shape, b, a)
		return dot(do, a.O)
	}
	Attention(shape, b, act)
	dq, dk, dv := AttentionBackward(shape, b, act, do)
	checkGradient(t, "q", act.Q, dq, f)
	checkGradient(t, "k", act.K, dk, f)
	checkGradient(t, "v", act.V, dv, f)
}

func TestOutputBackward(t *testing.T) {
	r := random(t)
	b, l := batch(r), layer(r, 1)
	n := len(b.Tokens)
	act := &Activations{X: normal(r, n*shape.Hidden, 1), O: normal(r, n*shape.QDim(), 1)}
	dmid := normal(r, n*shape.Hidden, 1)
	f := func() float64 {
		a := &Activations{X: act.X, O: act.O}
		l.Output(b, a)
		return dot(dmid, a.Mid)
	}
	l.Output(b, act)
	do := l.OutputBackward(b, act, dmid)
	checkGradient(t, "o", act.O, do, f)
	checkGradient(t, "x", act.X, dmid, f) // the residual
	checkAdapters(t, l, f, engine.O)
}

func TestMLPBackward(t *testing.T) {
	r := random(t)
	b, l := batch(r), layer(r, 1)
	n := len(b.Tokens)
	act := &Activations{Mid: normal(r, n*shape.Hidden, 1)}
	dy := normal(r, n*shape.Hidden, 1)
	f := func() float64 {
		a := &Activations{Mid: act.Mid}
		l.MLP(b, a)
		return dot(dy, a.Y)
	}
	l.MLP(b, act)
	dmid := l.MLPBackward(b, act, dy)
	checkGradient(t, "mid", act.Mid, dmid, f)
	checkAdapters(t, l, f, engine.Gate, engine.Up, engine.Down)
}

func TestLossGradient(t *testing.T) {
	r := random(t)
	b := batch(r)
	h := &Head{shape, normal(r, shape.Hidden, 1), normal(r, shape.Vocab*shape.Hidden, 0.5)}
	x := normal(r, len(b.Tokens)*shape.Hidden, 1)
	const scale = 0.7
	_, _, dx := h.Loss(b, x, scale)
	checkGradient(t, "x", x, dx, func() float64 {
		nll, _, _ := h.Loss(b, x, scale)
		return scale * sum(nll)
	})
}

func sum(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s += v
	}
	return s
}

func TestModelGradients(t *testing.T) {
	r := random(t)
	b := batch(r)
	m := &Model{
		Shape: shape, Embedding: normal(r, shape.Vocab*shape.Hidden, 1),
		Layers: []*Layer{layer(r, 0), layer(r, 1)},
		Head:   Head{shape, normal(r, shape.Hidden, 1), normal(r, shape.Vocab*shape.Hidden, 0.5)},
	}
	const scale = 0.2
	f := func() float64 {
		acts := m.Forward(b)
		nll, _, _ := m.Head.Loss(b, acts[1].Y, scale)
		return scale * sum(nll)
	}
	_, dx := m.Step(b, scale)
	for _, l := range m.Layers {
		checkAdapters(t, l, f, engine.Q, engine.K, engine.V, engine.O, engine.Gate, engine.Up, engine.Down)
	}
	// The gradient of the embedding table is that of x scattered by token.
	dtable := make([]float64, len(m.Embedding))
	for t, token := range b.Tokens {
		for c := range shape.Hidden {
			dtable[int(token)*shape.Hidden+c] += dx[t*shape.Hidden+c]
		}
	}
	checkGradient(t, "embedding", m.Embedding, dtable, f)
}

func TestDropoutMask(t *testing.T) {
	r := random(t)
	b := &engine.Batch{}
	b.Add(make([]int32, 100), nil, 7)
	b.Add(make([]int32, 100), nil, 8)
	b.Add(make([]int32, 100), nil, 7)
	d := engine.Dropout{P: 0.25, Seed: r.Uint64(), Step: 1}
	const width = 37
	mask := Mask(b, d, 2, engine.DownInput, width)
	kept := 0
	for i, v := range mask {
		if v != 0 {
			kept++
			if math.Abs(v-1/0.75) > 1e-12 {
				t.Fatalf("kept element is multiplied by %g", v)
			}
		}
		// The mask follows the record, not the place in the batch.
		if i < 100*width && v != mask[i+200*width] {
			t.Fatal("masks of the same record differ")
		}
	}
	// 11,100 Bernoulli draws, ten standard deviations.
	if got := float64(kept) / float64(len(mask)); math.Abs(got-0.75) > 10*math.Sqrt(0.75*0.25/float64(len(mask))) {
		t.Errorf("%.3f kept, want 0.75", got)
	}
	if Mask(b, engine.Dropout{}, 2, engine.DownInput, width) != nil {
		t.Error("a mask without dropout")
	}
}
