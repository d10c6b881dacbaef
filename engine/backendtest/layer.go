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

// held returns m with its values as the backend holds them.
func (g *rig) held(m engine.Matrix) engine.Matrix {
	if m.F32 != nil && g.be.Numerics().Compute == "bfloat16" {
		for i, v := range m.F32 {
			m.F32[i] = math.Float32frombits(uint32(engine.BFloat16(v)) << 16)
		}
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

// norm returns the norm's weight of a row near 1 on the device and for the reference.
func (g *rig) norm() (engine.Buffer, []float64) { return g.normOf(g.s.Hidden) }

func (g *rig) normOf(width int) (engine.Buffer, []float64) {
	g.t.Helper()
	x := g.normal(width, 0.3)
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
	if g.s.HeadNorm {
		l.block.Layer.QNorm, l.ref.QNorm = g.normOf(g.s.HeadDim)
		l.block.Layer.KNorm, l.ref.KNorm = g.normOf(g.s.HeadDim)
	}
	for p := range engine.NumProjections {
		rows, cols := p.Dims(g.s)
		m := g.held(g.matrix(rows, cols, c.format))
		l.block.Layer.Proj[p] = g.weight(m)
		l.ref.Proj[p] = reference.Linear{Rows: rows, Cols: cols, W: reference.Dense(m)}
		if p.HasBias(g.s) {
			l.block.Layer.Bias[p], l.ref.Proj[p].Bias = g.put(engine.Float, g.normal(rows, 0.5))
		}
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

// lowWidths returns, for each input, the sum of the ranks of the adapters that read it.
func lowWidths(rank [engine.NumProjections]int) (w [engine.NumInputs]int) {
	for p, r := range rank {
		w[engine.Projection(p).Input()] += r
	}
	return w
}

// rows is a matrix of a row for every token, beside an earlier one if that is named.
type rows struct {
	dst    *engine.Buffer
	name   string
	width  int
	beside string
}

// matrices allocates those that have a width, as a model does, and poisons them.
func (g *rig) matrices(tokens int, list []rows) {
	g.t.Helper()
	var specs []engine.BufferSpec
	var dst []*engine.Buffer
	for _, m := range list {
		if m.width > 0 {
			specs = append(specs, engine.BufferSpec{Name: m.name, Kind: engine.Activation, Len: tokens * m.width, Width: m.width, Beside: m.beside})
			dst = append(dst, m.dst)
		}
	}
	buffers, err := g.be.Allocate(specs)
	g.must("allocate", err)
	for i, b := range buffers {
		*dst[i] = b
		g.poison(b)
	}
}

// activations returns poisoned activations for the given number of tokens.
func (g *rig) activations(tokens int, rank [engine.NumProjections]int) *engine.Activations {
	g.t.Helper()
	s, low := g.s, lowWidths(rank)
	act := &engine.Activations{LSE: g.poisoned(engine.Float, s.Heads*tokens)}
	rawQ, rawK, besideV := 0, 0, "k"
	if s.HeadNorm {
		rawQ, rawK, besideV = s.QDim(), s.KVDim(), "k.raw"
	}
	g.matrices(tokens, []rows{
		{&act.Norm1, "norm1", s.Hidden, ""},
		{&act.Low[engine.AttentionInput], "norm1.low", low[engine.AttentionInput], "norm1"},
		{&act.RawQ, "q.raw", rawQ, ""},
		{&act.RawK, "k.raw", rawK, "q.raw"},
		{&act.Q, "q", s.QDim(), ""},
		{&act.K, "k", s.KVDim(), "q"},
		{&act.V, "v", s.KVDim(), besideV},
		{&act.O, "o", s.QDim(), ""},
		{&act.Low[engine.OutputInput], "o.low", low[engine.OutputInput], "o"},
		{&act.Mid, "mid", s.Hidden, ""},
		{&act.Norm2, "norm2", s.Hidden, ""},
		{&act.Low[engine.MLPInput], "norm2.low", low[engine.MLPInput], "norm2"},
		{&act.Gate, "gate", s.Intermediate, ""},
		{&act.Up, "up", s.Intermediate, "gate"},
		{&act.Down, "down", s.Intermediate, ""},
		{&act.Low[engine.DownInput], "down.low", low[engine.DownInput], "down"},
	})
	return act
}

// gradients returns poisoned scratch for the backward operations.
func (g *rig) gradients(tokens int, rank [engine.NumProjections]int) *engine.Gradients {
	g.t.Helper()
	s, low, grad := g.s, lowWidths(rank), &engine.Gradients{}
	g.matrices(tokens, []rows{
		{&grad.Q, "q", s.QDim(), ""},
		{&grad.K, "k", s.KVDim(), "q"},
		{&grad.V, "v", s.KVDim(), "k"},
		{&grad.O, "o", s.QDim(), ""},
		{&grad.OLow, "o.low", low[engine.OutputInput], "o"},
		{&grad.Gate, "gate", s.Intermediate, ""},
		{&grad.Up, "up", s.Intermediate, "gate"},
		{&grad.Down, "down", s.Intermediate, ""},
		{&grad.DownLow, "down.low", low[engine.DownInput], "down"},
		{&grad.Norm, "norm", s.Hidden, ""},
		{&grad.NormLow, "norm.low", max(low[engine.AttentionInput], low[engine.MLPInput]), "norm"},
	})
	return grad
}
