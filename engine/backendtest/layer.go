package backendtest

import (
	"math"

	"daybook/engine"
	"daybook/engine/backendtest/reference"
	"daybook/engine/nf4"
)

// setting says how a layer is made.
type setting struct {
	name    string
	format  string // "float32", "bfloat16", "nf4", "nf4 double"
	ranks   [engine.NumProjections]int
	dropout float32
}

var settings = []setting{
	{"float32", "float32", [engine.NumProjections]int{4, 4, 4, 4, 4, 4, 4}, 0.1},
	{"bfloat16", "bfloat16", [engine.NumProjections]int{8, 0, 8, 0, 8, 0, 0}, 0},
	{"nf4", "nf4", [engine.NumProjections]int{0, 3, 0, 5, 0, 3, 7}, 0.25},
	{"nf4 double", "nf4 double", [engine.NumProjections]int{16, 16, 16, 16, 16, 16, 16}, 0.05},
	{"frozen", "nf4 double", [engine.NumProjections]int{}, 0},
}

// eachSetting runs f for every way to make a layer.
func (g *rig) eachSetting(f func(g *rig, l *layer)) {
	g.t.Helper()
	for i, s := range settings {
		g.run(s.name, func(g *rig) { f(g, g.layer(i%g.s.Layers, s)) })
	}
}

// matrix returns a random weight, scaled so that outputs are about as large as inputs.
func (g *rig) matrix(rows, cols int, format string) engine.Matrix {
	w := g.normal(rows*cols, 1/math.Sqrt(float64(cols)))
	m := engine.Matrix{Rows: rows, Cols: cols}
	switch format {
	case "float32":
		m.F32 = w
	case "bfloat16":
		m.BF16 = make([]uint16, len(w))
		for i, v := range w {
			m.BF16[i] = uint16(math.Float32bits(v) >> 16)
		}
	default:
		m.NF4 = nf4.Quantize(w, format == "nf4 double")
	}
	return m
}

func (g *rig) weight(m engine.Matrix) engine.Weight {
	g.t.Helper()
	w, err := g.be.NewWeight(m)
	g.must("new weight", err)
	if rows, cols := w.Dims(); rows != m.Rows || cols != m.Cols {
		g.t.Fatalf("weight is %d x %d, want %d x %d", rows, cols, m.Rows, m.Cols)
	}
	return w
}

// norm returns a norm's weight near 1 on the device and for the reference.
func (g *rig) norm() (engine.Buffer, []float64) {
	g.t.Helper()
	x := g.normal(g.s.Hidden, 0.3)
	for i := range x {
		x[i]++
	}
	return g.put(engine.Float, x)
}

// layer is one decoder layer on the device and in the reference.
type layer struct {
	block engine.Block
	ref   *reference.Layer
}

func (g *rig) layer(index int, c setting) *layer {
	g.t.Helper()
	d := engine.Dropout{P: c.dropout, Seed: g.r.Uint64(), Step: uint64(g.r.IntN(1000))}
	l := &layer{
		block: engine.Block{Layer: &engine.Layer{Index: index}, Dropout: d},
		ref:   &reference.Layer{Shape: g.s, Index: index, Dropout: d},
	}
	l.block.Layer.AttentionNorm, l.ref.AttentionNorm = g.norm()
	l.block.Layer.MLPNorm, l.ref.MLPNorm = g.norm()
	for p := range engine.NumProjections {
		rows, cols := p.Dims(g.s)
		m := g.matrix(rows, cols, c.format)
		l.block.Layer.Proj[p] = g.weight(m)
		l.ref.Proj[p] = reference.Linear{Rows: rows, Cols: cols, W: reference.Dense(m)}
		if rank := c.ranks[p]; rank > 0 {
			l.block.Adapters[p], l.ref.Proj[p].LoRA = g.adapter(rows, cols, rank)
		}
	}
	return l
}

// adapter returns a pair with non-zero B, and with gradients that are not zero
// either, as the backward operations have to add to what is there.
func (g *rig) adapter(rows, cols, rank int) (*engine.Adapter, *reference.LoRA) {
	g.t.Helper()
	a := &engine.Adapter{Rank: rank, Scale: float32(0.5 + g.r.Float64())}
	ref := &reference.LoRA{Rank: rank, Scale: float64(a.Scale)}
	a.A, ref.A = g.put(engine.Float, g.normal(rank*cols, 1/math.Sqrt(float64(cols))))
	a.B, ref.B = g.put(engine.Float, g.normal(rows*rank, 0.3/math.Sqrt(float64(rank))))
	a.GradA, ref.GradA = g.put(engine.Float, g.normal(rank*cols, 1))
	a.GradB, ref.GradB = g.put(engine.Float, g.normal(rows*rank, 1))
	return a, ref
}

// compareGradients checks the gradients of the listed projections' adapters.
func (l *layer) compareGradients(g *rig, tol float64, projections ...engine.Projection) {
	g.t.Helper()
	for _, p := range projections {
		if a, ref := l.block.Adapters[p], l.ref.Proj[p].LoRA; a != nil {
			g.compare("gradient of "+p.String()+".A", g.get(a.GradA), ref.GradA, tol)
			g.compare("gradient of "+p.String()+".B", g.get(a.GradB), ref.GradB, tol)
		}
	}
}

// ranks returns the rank of each projection's adapter, 0 where there is none.
func ranks(b *engine.Block) (r [engine.NumProjections]int) {
	for p, a := range b.Adapters {
		if a != nil {
			r[p] = a.Rank
		}
	}
	return r
}

// activations returns poisoned activations for the given number of tokens.
func (g *rig) activations(tokens int, rank [engine.NumProjections]int) *engine.Activations {
	g.t.Helper()
	s := g.s
	buffer := func(width int) engine.Buffer { return g.poisoned(engine.Activation, tokens*width) }
	act := &engine.Activations{
		Norm1: buffer(s.Hidden), Q: buffer(s.QDim()), K: buffer(s.KVDim()), V: buffer(s.KVDim()),
		LSE: g.poisoned(engine.Float, s.Heads*tokens),
		O:   buffer(s.QDim()), Mid: buffer(s.Hidden), Norm2: buffer(s.Hidden),
		Gate: buffer(s.Intermediate), Up: buffer(s.Intermediate), Down: buffer(s.Intermediate),
	}
	for p, r := range rank {
		act.Low[p] = buffer(r)
	}
	return act
}

// gradients returns poisoned scratch for the backward operations.
func (g *rig) gradients(tokens int, rank [engine.NumProjections]int) *engine.Gradients {
	g.t.Helper()
	s := g.s
	widest := 1
	for _, r := range rank {
		widest = max(widest, r)
	}
	buffer := func(width int) engine.Buffer { return g.poisoned(engine.Activation, tokens*width) }
	return &engine.Gradients{
		Q: buffer(s.QDim()), O: buffer(s.QDim()), K: buffer(s.KVDim()), V: buffer(s.KVDim()),
		Gate: buffer(s.Intermediate), Up: buffer(s.Intermediate), Down: buffer(s.Intermediate),
		Norm: buffer(s.Hidden), Low: buffer(widest),
	}
}
